//! Against a real Kafka: KAFKA_BOOTSTRAP_SERVERS names it, `scripts/rig/kafka` starts one. Each test has a topic of its own.

mod evaluators;
mod fencing;
mod outages;
mod shared;
mod streams;
mod support;
mod topics;
