//! Nodes that follow one database under a seed: looks that are lost, late, repeated and in any order, nodes that restart, and histories
//! that are replaced by older ones. A failing seed is printed; `one` runs it alone.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;

use super::following::look;
use super::*;
use crate::clock::Clock as _;
use crate::node::fold::{Fold, Progress};
use crate::store::Head;

const SEEDS: u64 = 2_000;
const STEPS: usize = 150;
const NODES: usize = 3;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }
}

struct Server {
    node: Arc<Node>,
    faulty: Arc<Faulty>,
    /// Whether a look has found nothing new since the history was last replaced.
    settled: bool,
    /// Heads that were seen and are not delivered yet.
    late: Vec<(Arc<Fold>, Head, Duration, Progress)>,
}

/// The database, what it was told since it was empty, and what it acknowledged.
struct World {
    random: Random,
    clock: ManualClock,
    truth: Arc<dyn Datastore>,
    store: StoreId,
    written: Vec<(Timestamp, WriteCommand)>,
    /// The token of each revision of the history in place, from 1 on.
    tokens: Vec<Token>,
    /// Tokens of histories that were replaced.
    lost: Vec<Token>,
    servers: Vec<Server>,
    names: usize,
}

async fn new_database(store: StoreId) -> (Arc<dyn Datastore>, Token) {
    let truth = database().await;
    truth.create_store(&StoreInfo { id: store, name: "main".into(), created_at: noon() }).await.unwrap();
    let command = SchemaCommand {
        source: SchemaSource::native(SCHEMA),
        expected_version: None,
        allow_orphans: false,
        actor: "tester".into(),
        dry_run: false,
    };
    let schema = truth.write_schema(store, noon(), &command).await.unwrap();
    (truth, Token::new(store, schema.revision, &schema.chain))
}

impl World {
    async fn new(seed: u64) -> Self {
        let (store, clock) = (StoreId([3; 16]), ManualClock::at(noon()));
        let (truth, first) = new_database(store).await;
        let mut world = Self {
            random: Random(seed),
            clock,
            truth,
            store,
            written: Vec::new(),
            tokens: vec![first],
            lost: Vec::new(),
            servers: Vec::new(),
            names: 0,
        };
        for _ in 0..NODES {
            let server = world.server().await;
            world.servers.push(server);
        }
        world
    }

    async fn server(&self) -> Server {
        let faulty = Arc::new(Faulty::new(Arc::clone(&self.truth)));
        let node = node(Arc::clone(&faulty) as Arc<dyn Datastore>, &self.clock, Limits::default(), ForeignTokens::Answer).await;
        Server { node, faulty, settled: true, late: Vec::new() }
    }

    /// A write through any server. Where its look found the database silent, it is refused and nothing is written.
    async fn write(&mut self, server: usize) {
        self.names += 1;
        let name = self.names;
        let command = touch_as(&format!("doc:{name}#viewer@user:{name}"), &format!("request-{name}"));
        match self.servers[server].node.write(self.store, command.clone(), None).await {
            Ok(outcome) => {
                assert_eq!(outcome.token.revision, u64::try_from(self.tokens.len()).unwrap() + 1);
                self.written.push((self.clock.now(), command));
                self.tokens.push(outcome.token);
            }
            Err(error) => assert_eq!(error.code(), "DH-D020", "{error}"),
        }
    }

    /// An older state of the database is put in place of it.
    async fn restore(&mut self) {
        if self.written.is_empty() || !self.servers.iter().all(|server| server.settled) {
            return;
        }
        let kept = self.random.below(self.written.len());
        let (truth, _) = new_database(self.store).await;
        for (time, command) in &self.written[..kept] {
            let written = truth.write(self.store, *time, std::slice::from_ref(command)).await.unwrap();
            assert!(written.iter().all(Result::is_ok));
        }
        self.written.truncate(kept);
        self.lost.extend(self.tokens.drain(kept + 1..));
        assert_eq!(truth.head(self.store).await.unwrap().chain.prefix(), self.tokens[kept].chain.0, "the same entries, the same chain");
        self.truth = truth;
        for server in &mut self.servers {
            server.faulty.exchange(Arc::clone(&self.truth));
            server.settled = false;
        }
    }

    async fn look(&mut self, server: usize) {
        let lost = self.random.below(4) == 0;
        let server = &mut self.servers[server];
        server.faulty.silent.store(lost, Ordering::SeqCst);
        let seen = server.node.look().await;
        server.faulty.silent.store(false, Ordering::SeqCst);
        assert_eq!(seen.answered, !lost);
        server.settled |= seen.answered && seen.catching_up.is_empty();
        for store in seen.catching_up {
            store.await.unwrap();
        }
    }

    /// A head is read now, and what it says arrives at another time, perhaps twice.
    async fn see(&mut self, server: usize) {
        let server = &mut self.servers[server];
        let hosted = server.node.host(self.store).await.unwrap();
        let fold = Arc::clone(hosted.fold());
        let (before, began) = (fold.progress(), fold.monotonic());
        server.late.push((fold, self.truth.head(self.store).await.unwrap(), began, before));
    }

    async fn deliver(&mut self, server: usize) {
        let late = self.servers[server].late.len();
        if late > 0 {
            let (place, again) = (self.random.below(late), self.random.below(3) == 0);
            let late = &mut self.servers[server].late;
            let (fold, head, began, before) = if again { late[place].clone() } else { late.swap_remove(place) };
            fold.observe(head, began, before).await.unwrap();
        }
    }

    async fn read(&mut self, server: usize) {
        let node = Arc::clone(&self.servers[server].node);
        let head = *self.tokens.last().unwrap();
        let read = async |consistency: Consistency| node.read_at(self.store, &consistency, None).await;
        let known = |token: &Token| self.tokens.contains(token) || self.lost.contains(token);
        match self.random.below(4) {
            0 => assert!(known(&read(Consistency::MinimizeLatency).await.unwrap().token)),
            1 => match read(Consistency::FullyConsistent).await {
                Ok(point) => assert_eq!(point.token, head),
                Err(error) => assert_eq!(error.code(), "DH-D020", "{error}"),
            },
            2 => {
                let token = self.tokens[self.random.below(self.tokens.len())];
                match read(Consistency::AtLeastAsFresh(token)).await {
                    Ok(point) => {
                        assert!(known(&point.token) && point.token.revision >= token.revision && point.note.is_none(), "{token:?}");
                        // What was written by the token's revision is there.
                        let there = tuples(&point);
                        let written = &self.written[..usize::try_from(token.revision).unwrap() - 1];
                        for (_, command) in written {
                            let name = command.request_id.strip_prefix("request-").unwrap();
                            assert!(there.contains(&format!("doc:{name}#viewer@user:{name}")), "{name}");
                        }
                    }
                    Err(error) => assert_eq!(error.code(), "DH-D020", "{error}"),
                }
            }
            _ => {
                if self.lost.is_empty() {
                    return;
                }
                let token = self.lost[self.random.below(self.lost.len())];
                match read(Consistency::AtLeastAsFresh(token)).await {
                    // Told to be of another history, and answered by the one in place.
                    Ok(point) if point.note.is_some() => assert_eq!(point.token, head),
                    // The server has not heard of the new history yet: what the token stands for is in the answer.
                    Ok(point) => assert!(self.lost.contains(&point.token) && point.token.revision >= token.revision),
                    Err(error) => assert!(["DH-D020", "DH-R012"].contains(&error.code()), "{error}"),
                }
            }
        }
    }

    async fn step(&mut self) {
        let server = self.random.below(NODES);
        match self.random.below(16) {
            0..=3 => self.write(server).await,
            4..=6 => self.look(server).await,
            7 | 8 => self.see(server).await,
            9..=11 => self.deliver(server).await,
            12 => self.clock.pass(Duration::from_millis(700)),
            13 if self.random.below(4) == 0 => self.servers[server] = self.server().await,
            14 if self.random.below(3) == 0 => self.restore().await,
            _ => self.read(server).await,
        }
    }

    /// Once nothing is lost any more, all servers come to the same.
    async fn settle(&mut self) {
        let head = *self.tokens.last().unwrap();
        for server in &self.servers {
            server.node.host(self.store).await.unwrap();
            assert!(look(&server.node).await);
            let point = server.node.read_at(self.store, &Consistency::MinimizeLatency, None).await.unwrap();
            assert_eq!((point.token, tuples(&point).len()), (head, self.written.len()));
        }
    }
}

async fn one(seed: u64) {
    let mut world = World::new(seed).await;
    for _ in 0..STEPS {
        world.step().await;
    }
    world.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_follow_keep_their_promises_whatever_is_lost_late_or_replaced() {
    for seed in 0..SEEDS {
        if let Err(failed) = AssertUnwindSafe(one(seed)).catch_unwind().await {
            eprintln!("seed {seed} fails");
            std::panic::resume_unwind(failed);
        }
    }
}
