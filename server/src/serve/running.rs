//! A running server: made by [`run`], ended by [`RunningServer::shutdown`].

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dhow_proto::v1;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::options::{Data, Refusal, ServeOptions};
use super::seed::{self, SeedError};
use crate::api::Api;
use crate::api::door::{Access, Door};
use crate::api::test_stores::TestStores;
use crate::carried::Carried;
use crate::changelog::local::Local;
use crate::changelog::relay::Relay;
use crate::changelog::shared::Shared;
use crate::changelog::{ChangelogError, Settings};
use crate::clock::{Clock, SteadyClock, SystemClock};
use crate::limits::{self, Limits};
use crate::node::carrier::Source;
use crate::node::{Contact, Node};
use crate::role::Role;
use crate::snapshots::{Snapshots, SnapshotsError};
use crate::store::postgres::{self, PostgresStore, migrate};
use crate::store::read_only::ReadOnly;
use crate::store::sqlite::SqliteStore;
use crate::store::{Datastore, DatastoreError};
use crate::tls::{self, TlsError};

/// The health service's name for the ability to write.
pub(crate) const WRITE_HEALTH: &str = "dhow.v1.write";

/// A server that did not start, or that ended by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// It would have been open to people who were not meant.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its TLS files.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Its database.
    #[error(transparent)]
    Datastore(#[from] DatastoreError),
    /// Its changelog.
    #[error(transparent)]
    Changelog(#[from] ChangelogError),
    /// Its folder of snapshots.
    #[error(transparent)]
    Snapshots(#[from] SnapshotsError),
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file of `--load`.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The reflection service.
    #[error("the interface's descriptors cannot be read: this build is broken")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport.
    #[error("the server's transport failed")]
    Transport(#[from] tonic::transport::Error),
    /// The task that serves.
    #[error("the server's task ended without a result")]
    Task(#[from] tokio::task::JoinError),
}

impl ServeError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Tls(error) => error.code(),
            Self::Datastore(error) => error.code(),
            Self::Changelog(error) => error.code(),
            Self::Snapshots(error) => error.code(),
            Self::Listen { .. } => "DH-K040",
            Self::Seed(error) => error.code(),
            Self::Reflection(_) => "DH-K041",
            Self::Transport(_) => "DH-K042",
            Self::Task(_) => "DH-K043",
        }
    }

    /// What to do, where the message does not say it.
    pub(crate) const fn help(&self) -> Option<&'static str> {
        match self {
            Self::Datastore(error) => Some(error.help()),
            Self::Changelog(error) => Some(error.help()),
            Self::Snapshots(error) => Some(error.help()),
            Self::Listen { .. } => Some("if another server has the port, stop it or choose another with --listen"),
            Self::Reflection(_) | Self::Transport(_) | Self::Task(_) => Some("report this"),
            Self::Refused(_) | Self::Tls(_) | Self::Seed(_) => None,
        }
    }
}

/// A server that listens. Dropping it leaves it running; [`RunningServer::shutdown`] ends it.
#[derive(Debug)]
pub(crate) struct RunningServer {
    address: SocketAddr,
    greeting: String,
    stop: watch::Sender<bool>,
    limits: Limits,
    health: HealthReporter,
    node: Arc<Node>,
    /// Guards the handle of the task that serves: only one of `ended` and `shutdown` waits for it.
    task: Mutex<Option<JoinHandle<Result<(), tonic::transport::Error>>>>,
    /// Guards the relay: only one shutdown ends it.
    relay: Mutex<Option<Relay>>,
    /// Guards the handle of the task that tells whether the server can write.
    telling: Mutex<Option<JoinHandle<()>>>,
}

/// Starts a server that publishes nothing. It listens when this returns.
///
/// # Errors
/// [`ServeError`] when it cannot start.
pub(crate) async fn run(options: ServeOptions) -> Result<RunningServer, ServeError> {
    run_with(options, None).await
}

/// Starts a server, and a relay beside it if there is a changelog. It listens when this returns; Kafka may still be away.
///
/// # Errors
/// [`ServeError`] when it cannot start.
pub(super) async fn run_with(options: ServeOptions, changelog: Option<Settings>) -> Result<RunningServer, ServeError> {
    options.check()?;
    let tls = options.tls.as_ref().map(tls::load).transpose()?;
    let failed = |source| ServeError::Listen { address: options.address, source };
    let listener = TcpListener::bind(options.address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let steady = SteadyClock::new(Arc::clone(&clock), options.limits.max_clock_skew);
    let snapshots = options.snapshots.clone().map(Snapshots::open).transpose()?;
    let mut carried = None;
    let (datastore, relay) = match &options.data {
        Data::Carried => {
            let snapshots = Arc::clone(snapshots.as_ref().ok_or(SnapshotsError::NoFolder)?);
            let datastore = Carried::new(snapshots, steady.clone(), options.limits.carried_bytes);
            carried = Some(Arc::clone(&datastore));
            let datastore: Arc<dyn Datastore> = datastore;
            (datastore, None)
        }
        Data::Postgres { url, .. } if options.role == Role::Evaluator => {
            let datastore: Arc<dyn Datastore> = Arc::new(ReadOnly(Arc::new(PostgresStore::open(url).await?)));
            (datastore, None)
        }
        Data::File(path) => published(SqliteStore::open(path).await?, Some(places_file(path)), changelog.clone(), &clock).await?,
        Data::Postgres { url, auto_migrate } => {
            if *auto_migrate {
                for migration in migrate::up(url).await? {
                    tracing::info!(version = migration.version, "the database was migrated: {}", migration.description);
                }
            }
            shared(PostgresStore::open(url).await?, changelog.clone(), &clock)?
        }
        Data::Memory => published(SqliteStore::in_memory().await?, None, changelog.clone(), &clock).await?,
    };
    let follows = !datastore.is_sole_writer();
    let node = Node::open(datastore, steady, &options.limits, options.foreign_tokens, snapshots, options.memory.clone()).await?;
    node.snapshot_on_schedule();
    node.scrub_on_schedule();
    let greeting = greeting(&options, address)?;
    let (stop, stopping) = watch::channel(false);
    let test_stores = test_stores(&options)?;
    let api = Api::new(Arc::clone(&node), Arc::clone(&clock), options.limits, stopping.clone(), test_stores);
    let (health, health_service) = tonic_health::server::health_reporter();
    let ephemeral = matches!(options.access, Access::Ephemeral);
    let mut routes = api.routes();
    routes = routes.add_service(health_service);
    routes = add_reflection(routes)?;
    let status = if carried.is_some() { ServingStatus::NotServing } else { ServingStatus::Serving };
    for name in served(ephemeral) {
        health.set_service_status(name, status).await;
    }
    let caught_up = carried.as_ref().map(|carried| carried.caught_up());
    let telling = tokio::spawn(tell(health.clone(), node.contact(), caught_up, stopping.clone()));
    node.start();
    if let Some(settings) = changelog.filter(|_| follows) {
        settings.check()?;
        node.carry(Source { settings, carried, clock: Arc::clone(&clock) });
    }

    let door = Door::new(Arc::new(options.access), clock);
    let mut server = Server::builder()
        .max_concurrent_streams(options.limits.concurrent_streams)
        .http2_keepalive_interval(Some(limits::KEEPALIVE_INTERVAL.duration()))
        .http2_keepalive_timeout(Some(limits::KEEPALIVE_TIMEOUT.duration()))
        .http2_max_header_list_size(u32::try_from(limits::METADATA_BYTES.value).ok());
    if let Some(tls) = tls {
        server = server.tls_config(tls)?;
    }
    let mut server = server.layer(tower_layer::layer_fn(move |inner| door.before(inner)));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let mut stopped = stopping;
    let task = tokio::spawn(server.add_routes(routes).serve_with_incoming_shutdown(incoming, async move {
        // An error means that nobody can stop the server any more, which is a way of stopping it.
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    let (task, telling, relay) = (Mutex::new(Some(task)), Mutex::new(Some(telling)), Mutex::new(relay));
    Ok(RunningServer { address, greeting, stop, limits: options.limits, health, node, task, telling, relay })
}

/// Tells whether the server is ready, where it has to read the changelog first, and whether it can write, as that changes, until it stops.
/// Whether it answers does not hang on the database.
async fn tell(
    health: HealthReporter,
    contact: watch::Receiver<Contact>,
    caught_up: Option<watch::Receiver<bool>>,
    mut stopping: watch::Receiver<bool>,
) {
    if let Some(mut caught_up) = caught_up {
        tokio::select! {
            biased;
            // An error of either means that the server ends.
            _ = stopping.wait_for(|stop| *stop) => return,
            caught_up = caught_up.wait_for(|caught_up| *caught_up) => if caught_up.is_err() { return },
        }
        for name in served(false).into_iter().filter(|name| *name != WRITE_HEALTH) {
            health.set_service_status(name, ServingStatus::Serving).await;
        }
    }
    tell_writes(health, contact, stopping).await;
}

/// Tells whether the server can write.
async fn tell_writes(health: HealthReporter, mut contact: watch::Receiver<Contact>, mut stopping: watch::Receiver<bool>) {
    loop {
        let can_write = contact.borrow_and_update().takes_writes();
        let status = if can_write { ServingStatus::Serving } else { ServingStatus::NotServing };
        health.set_service_status(WRITE_HEALTH, status).await;
        tokio::select! {
            biased;
            // An error of either means that the server ends.
            _ = stopping.wait_for(|stop| *stop) => return,
            changed = contact.changed() => if changed.is_err() { return },
        }
    }
}

/// A database of this process's own, and the relay that publishes its entries, if there is a changelog.
async fn published(
    store: SqliteStore,
    places: Option<PathBuf>,
    changelog: Option<Settings>,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<dyn Datastore>, Option<Relay>), ServeError> {
    let Some(settings) = changelog else { return Ok((Arc::new(store), None)) };
    settings.check()?;
    let (feed, datastore) = Local::over(Arc::new(store), places, settings.partitions, Arc::clone(clock)).await?;
    Ok((datastore, Some(Relay::start(feed, settings, Arc::clone(clock)))))
}

/// A database that several servers share, and a relay that publishes its entries while it has the lease, if there is a changelog.
fn shared(
    store: PostgresStore,
    changelog: Option<Settings>,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<dyn Datastore>, Option<Relay>), ServeError> {
    let store = Arc::new(store);
    let Some(settings) = changelog else { return Ok((store, None)) };
    settings.check()?;
    let feed = Shared::over(Arc::clone(&store), settings.partitions);
    Ok((store, Some(Relay::start(feed, settings, Arc::clone(clock)))))
}

/// Beside the data file: how far each store is published.
fn places_file(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".published");
    PathBuf::from(name)
}

/// What a test server begins its stores with; `None` for other servers.
fn test_stores(options: &ServeOptions) -> Result<Option<TestStores>, ServeError> {
    if !matches!(options.access, Access::Ephemeral) {
        return Ok(None);
    }
    let seed = options.load.as_deref().map(seed::load).transpose()?;
    Ok(Some(TestStores::new(seed.unwrap_or_default())))
}

/// The names that the health service answers for.
fn served(ephemeral: bool) -> Vec<&'static str> {
    let mut names = vec![
        "",
        v1::authorization_service_server::AuthorizationServiceServer::<()>::NAME,
        v1::relationship_service_server::RelationshipServiceServer::<()>::NAME,
        v1::schema_service_server::SchemaServiceServer::<()>::NAME,
        v1::store_service_server::StoreServiceServer::<()>::NAME,
        v1::operator_service_server::OperatorServiceServer::<()>::NAME,
        WRITE_HEALTH,
    ];
    if ephemeral {
        names.push(v1::test_service_server::TestServiceServer::<()>::NAME);
    }
    names
}

/// Reflection in both of its versions: tools differ in which they ask for.
fn add_reflection(routes: Routes) -> Result<Routes, ServeError> {
    let configure = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(dhow_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(routes.add_service(configure().build_v1()?).add_service(configure().build_v1alpha()?))
}

/// One sentence that says what was started.
fn greeting(options: &ServeOptions, address: SocketAddr) -> Result<String, DatastoreError> {
    let data = match &options.data {
        Data::File(path) => format!("data in {}", path.display()),
        Data::Postgres { url, .. } => format!("data in Postgres at {}", postgres::told(url)?),
        Data::Memory => "everything in memory".to_owned(),
        Data::Carried => "data from the changelog and snapshots".to_owned(),
    };
    let role = match options.role {
        Role::All => "",
        Role::Evaluator => ", as an evaluator",
    };
    let access = match &options.access {
        Access::Open => "no keys: whoever reaches it may do everything",
        Access::Keys(_) => "for holders of its keys",
        Access::Ephemeral => "test mode: a fresh store for each bearer token",
    };
    let encryption = if options.tls.is_some() { "TLS" } else { "no TLS" };
    Ok(format!("dhow {} listens on {address}{role} ({encryption}; {access}), {data}", env!("CARGO_PKG_VERSION")))
}

impl RunningServer {
    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// One sentence that says what is running.
    pub(crate) fn greeting(&self) -> &str {
        &self.greeting
    }

    /// Waits until the server has ended by itself.
    ///
    /// # Errors
    /// What it ended with.
    pub(crate) async fn ended(&self) -> Result<(), ServeError> {
        let mut task = self.task.lock().await;
        if let Some(handle) = task.as_mut() {
            let result = handle.await;
            *task = None;
            result??;
        }
        Ok(())
    }

    /// Takes no more requests, waits for the running ones within the bound, and closes the stores.
    ///
    /// # Errors
    /// When something did not end as it should.
    pub(crate) async fn shutdown(&self) -> Result<(), ServeError> {
        // Whoever tells that the server can write must not do so after this.
        if let Some(telling) = self.telling.lock().await.take() {
            telling.abort();
            // It ends by being aborted.
            let _ = telling.await;
        }
        for name in served(true) {
            self.health.set_service_status(name, ServingStatus::NotServing).await;
        }
        self.stop.send_replace(true);
        if tokio::time::timeout(self.limits.shutdown_drain, self.ended()).await.is_err() {
            tracing::warn!("some requests did not end in time and are cut off");
            if let Some(handle) = self.task.lock().await.take() {
                handle.abort();
            }
        }
        // Bound first, so that the guard is gone while the relay ends.
        let relay = self.relay.lock().await.take();
        if let Some(relay) = relay {
            relay.stop().await;
        }
        self.node.close().await;
        Ok(())
    }
}
