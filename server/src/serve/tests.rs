use std::net::SocketAddr;
use std::path::PathBuf;

use super::options::Refusal;
use super::*;
use crate::api::door::Access;
use crate::config::TlsFiles;
use crate::identity::{Identity, KeyDigest, KeyRing};
use crate::limits::Limits;
use crate::role::Role;

fn options(address: &str, access: Access, tls: bool, insecure: bool) -> ServeOptions {
    let files = TlsFiles { certificate: PathBuf::from("a.pem"), key: PathBuf::from("a.key") };
    let address: SocketAddr = address.parse().unwrap();
    ServeOptions {
        address,
        role: Role::All,
        data: Data::Memory,
        tls: tls.then_some(files),
        access,
        insecure,
        limits: Limits::default(),
        foreign_tokens: crate::config::ForeignTokens::Answer,
        snapshots: None,
        memory: crate::config::Memory::default(),
        load: None,
    }
}

fn keys() -> Access {
    let mut ring = KeyRing::default();
    ring.add(KeyDigest::of("0123456789abcdef"), Identity::anonymous());
    Access::Keys(ring)
}

#[test]
fn a_server_open_to_others_needs_keys_and_tls_or_a_word() {
    type Case = (&'static str, fn() -> Access, bool, bool, Option<&'static str>);
    let cases: [Case; 12] = [
        ("127.0.0.1:0", || Access::Open, false, false, None),
        ("127.9.9.9:0", || Access::Open, false, false, None),
        ("[::1]:0", || Access::Open, false, false, None),
        ("[::ffff:127.0.0.1]:0", || Access::Open, false, false, None),
        ("0.0.0.0:0", || Access::Open, false, false, Some("DH-K030")),
        ("[::]:0", || Access::Open, true, false, Some("DH-K030")),
        ("192.0.2.1:0", || Access::Keys(KeyRing::default()), true, false, Some("DH-K030")),
        ("192.0.2.1:0", keys, false, false, Some("DH-K031")),
        ("192.0.2.1:0", keys, true, false, None),
        ("0.0.0.0:0", || Access::Open, false, true, None),
        ("0.0.0.0:0", || Access::Ephemeral, true, false, Some("DH-K032")),
        ("127.0.0.1:0", || Access::Ephemeral, false, false, None),
    ];
    for (address, access, tls, insecure, code) in cases {
        let refused = options(address, access(), tls, insecure).check().err();
        assert_eq!(refused.as_ref().map(Refusal::code), code, "{address}");
    }
}

#[test]
fn a_refusal_says_how_to_go_on() {
    for access in [Access::Open, keys(), Access::Ephemeral] {
        let sentence = options("0.0.0.0:7171", access, false, false).check().unwrap_err().to_string();
        assert!(sentence.contains("0.0.0.0:7171") && sentence.contains("127.0.0.1") && sentence.contains("--insecure"), "{sentence}");
    }
}

#[test]
fn the_command_line_wins_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("dhow.toml");
    std::fs::write(
        &config,
        "address = \"127.0.0.1:1\"\ndata = \"a.db\"\n[log]\nlevel = \"debug\"\n[limits]\nheavy_requests = 3\n\
                            [changelog]\nbrokers = \"a:1\"\ntopic = \"t\"\n",
    )
    .unwrap();
    let from_file = ServeArguments { config: Some(config.clone()), ..ServeArguments::default() };
    let (options, changelog, log) = from_file.into_options().unwrap();
    assert_eq!((options.address.port(), &options.data), (1, &Data::File(folder.path().join("a.db"))));
    assert_eq!((log.filter.as_str(), options.limits.heavy_requests), ("debug", 3));
    assert_eq!(changelog.map(|settings| (settings.brokers, settings.topic)), Some(("a:1".to_owned(), "t".to_owned())));
    let both = ServeArguments {
        config: Some(config),
        listen: Some("127.0.0.1:2".parse().unwrap()),
        data: Some(PathBuf::from("b.db")),
        log: Some("warn".to_owned()),
        kafka: Some("b:2".to_owned()),
        ..ServeArguments::default()
    };
    let (options, changelog, log) = both.into_options().unwrap();
    assert_eq!((options.address.port(), &options.data, log.filter.as_str()), (2, &Data::File(PathBuf::from("b.db")), "warn"));
    assert_eq!(changelog.map(|settings| (settings.brokers, settings.topic)), Some(("b:2".to_owned(), "t".to_owned())));
}

#[test]
fn test_mode_is_in_memory_on_a_free_port() {
    let (options, _, _) = ServeArguments { ephemeral: true, ..ServeArguments::default() }.into_options().unwrap();
    assert_eq!((options.address.to_string().as_str(), &options.data), ("127.0.0.1:0", &Data::Memory));
    assert!(matches!(options.access, Access::Ephemeral));
}
