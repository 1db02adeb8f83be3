//! `dhow keys`: makes keys for the configuration file.

use std::io::Write;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::keys::is_name;
use crate::identity::KeyDigest;

/// The commands of `dhow keys`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a new random key, and the lines of the configuration file that admit it.
    Generate {
        /// What the log will call the key's holder.
        #[arg(long, default_value = "my-service", value_parser = parse_name)]
        name: String,
    },
}

fn parse_name(text: &str) -> Result<String, String> {
    if is_name(text) { Ok(text.to_owned()) } else { Err("a key's name is 1 to 64 characters without white space".to_owned()) }
}

/// Runs a command to its exit code.
pub(crate) fn main(command: &Command) -> ExitCode {
    match command {
        Command::Generate { name } => generate(name, &mut std::io::stdout().lock()),
    }
}

fn generate(name: &str, out: &mut impl Write) -> ExitCode {
    let mut secret = [0_u8; 32];
    let made = getrandom::fill(&mut secret).map_err(std::io::Error::from).and_then(|()| {
        let key = format!("dhow_{}", URL_SAFE_NO_PAD.encode(secret));
        let digest = KeyDigest::of(&key).to_hex();
        let name = name.escape_default();
        writeln!(
            out,
            "The key, for the client (shown this once):\n\n    {key}\n\nFor the server's configuration file, which needs only its digest:\n\n\
             [[keys]]\nname = \"{name}\"\nkey = \"sha256:{digest}\"\nstores = \"all\"\nrights = [\"read\", \"write\", \"schema\", \"admin\", \"operate\"]"
        )
    });
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: no key was made: {error}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_admits_the_key() {
        let mut out = Vec::new();
        generate("shop", &mut out);
        let text = String::from_utf8(out).unwrap();
        let key = text.lines().find_map(|line| line.trim().strip_prefix("dhow_")).unwrap();
        let (_, section) = text.split_once("[[keys]]").unwrap();
        let file = crate::config::File::parse(&format!("[[keys]]{section}"), "dhow.toml").unwrap();
        assert_eq!(&*file.keys.identify(&format!("dhow_{key}")).unwrap().name, "shop");
        let mut again = Vec::new();
        generate("shop", &mut again);
        assert_ne!(text.as_bytes(), again);
    }
}
