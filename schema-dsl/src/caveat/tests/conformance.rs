//! The public CEL conformance cases, from a folder outside the project.
