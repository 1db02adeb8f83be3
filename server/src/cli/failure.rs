//! Why a command could not do what it was asked: a code, a sentence, and how to go on.
//!
//! A server's refusal arrives with `google.rpc` details; they are unpacked here, so that nobody sees a Rust value or a raw status.

use std::error::Error;
use std::io;

use tonic_types::StatusExt as _;

use super::options::Format;
use super::output::Output;

/// A failed command. Exit code 2.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Stable; our own codes are those of the server.
    pub(crate) code: String,
    pub(crate) message: String,
    /// What to do about it, one sentence a line.
    pub(crate) help: Vec<String>,
    /// The reader of our output went away: nothing to say, and nobody to say it to.
    pub(crate) silent: bool,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), help: Vec::new(), silent: false }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// A file that could not be read or written.
    pub(crate) fn file(path: &str, error: &io::Error) -> Self {
        Self::new("file", format!("`{path}`: {error}"))
    }

    /// An error of ours, with its causes.
    pub(crate) fn told(code: &str, error: &dyn Error, help: &str) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self::new(code, message).help(help)
    }

    /// Its fields as JSON has them.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"code": self.code, "message": self.message, "help": self.help})
    }

    /// Says it on stderr, as text or as JSON.
    pub(crate) fn print(&self, output: &Output) {
        if self.silent {
            return;
        }
        match output.format() {
            Format::Json => {
                let body = serde_json::json!({"error": self.to_json()});
                output.remark(&body.to_string());
            }
            Format::Text => {
                let error = output.styles().error;
                let help = output.styles().help;
                output.remark(&format!("{error}error[{}]{error:#}: {}", self.code, self.message));
                for line in &self.help {
                    output.remark(&format!("  {help}help{help:#}: {line}"));
                }
            }
        }
    }

    /// A connection that could not be made.
    pub(crate) fn connection(endpoint: &str, error: &tonic::transport::Error) -> Self {
        let refused = io_kind(error) == Some(io::ErrorKind::ConnectionRefused);
        let failure = Self::new("connection", format!("cannot reach a server at {endpoint}: {}", deepest(error)));
        if refused {
            failure
                .help("start one here with `dhow serve`, or try everything out with `dhow demo`")
                .help("a server elsewhere is named by `--endpoint host:port` or DHOW_ENDPOINT")
        } else if endpoint.starts_with("http://") {
            failure.help(TLS_HELP)
        } else if failure.message.contains("InvalidContentType") {
            failure.help("the server answers without TLS: it is reached by `--endpoint host:port`, without `--tls-ca`")
        } else {
            failure.help("name the authority that signed the server's certificate by `--tls-ca FILE`")
        }
    }
}

/// How to go on when it may be that the server has TLS.
const TLS_HELP: &str = "a server with TLS is reached by `--endpoint https://host:port`";

/// What the transport says when the time of `--timeout` is over; there is no type to tell it by.
const TIME_IS_OVER: &str = "Timeout expired";

impl Failure {
    /// A status that no server sent: the transport made it up, because there was no answer. `None`: a server sent it.
    fn transport(status: &tonic::Status) -> Option<Self> {
        let again = "a write may have been made all the same: send it again under the same id";
        if status.code() == tonic::Code::Cancelled && status.message() == TIME_IS_OVER {
            let failure = Self::new("deadline_exceeded", "no answer came within the time that `--timeout` allows");
            return Some(failure.help("give it longer, such as `--timeout 60s`").help(again));
        }
        let cause = deepest(status.source()?);
        Some(
            Self::new("connection", format!("the connection to the server broke: {cause}"))
                .help("is the server still running?")
                .help(TLS_HELP)
                .help(again),
        )
    }
}

impl From<crate::store::DatastoreError> for Failure {
    fn from(error: crate::store::DatastoreError) -> Self {
        Self::told(error.code(), &error, error.help())
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        let details = status.get_error_details();
        if details.error_info().is_none()
            && let Some(failure) = Self::transport(&status)
        {
            return failure;
        }
        let code = details.error_info().map_or_else(|| code_name(status.code()).to_owned(), |info| info.reason.clone());
        let mut failure = Self::new(&code, status.message());
        if failure.message.is_empty() {
            failure.message = status.code().description().to_owned();
        }
        if let Some(request) = details.bad_request() {
            for violation in &request.field_violations {
                if violation.description == failure.message || violation.description.is_empty() {
                    if !violation.field.is_empty() {
                        failure.help.push(format!("the field is `{}`", violation.field));
                    }
                } else {
                    failure.help.push(format!("`{}`: {}", violation.field, violation.description));
                }
            }
        }
        if let Some(precondition) = details.precondition_failure() {
            failure
                .help
                .extend(precondition.violations.iter().map(|violation| format!("{}: {}", violation.subject, violation.description)));
        }
        if let Some(help) = details.help() {
            failure.help.extend(help.links.iter().map(|link| match link.url.as_str() {
                "" => link.description.clone(),
                url => format!("{} ({url})", link.description),
            }));
        }
        if let Some(localized) = details.localized_message()
            && localized.message != failure.message
        {
            failure.help.push(localized.message.clone());
        }
        if details.error_info().is_none() && failure.help.is_empty() {
            failure.help.extend(general_help(&status));
        }
        failure.help.extend(option_for(&failure.code).map(str::to_owned));
        failure
    }
}

impl From<io::Error> for Failure {
    /// An error of stdout or stdin; files say their name through [`Failure::file`].
    fn from(error: io::Error) -> Self {
        let mut failure = Self::new("io", error.to_string());
        failure.silent = error.kind() == io::ErrorKind::BrokenPipe;
        failure
    }
}

/// The option of this command line that answers a refusal: the server speaks of fields, because it does not know who asks.
fn option_for(code: &str) -> Option<&'static str> {
    match code {
        "DH-A001" | "DH-A003" => Some("give the key as DHOW_KEY or by `--key`"),
        "DH-A020" => Some("name the store by `--store` or DHOW_STORE"),
        _ => None,
    }
}

/// Help for a refusal that does not come from dhow itself but from the transport.
fn general_help(status: &tonic::Status) -> Option<String> {
    use tonic::Code;
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => Some("give it longer with `--timeout 60s`".to_owned()),
        Code::Unimplemented => Some("the server is older than this command line, or is no dhow server".to_owned()),
        Code::Unauthenticated => Some("give a key by `--key` or DHOW_KEY".to_owned()),
        Code::Unavailable => Some("the connection was lost; is the server still running?".to_owned()),
        Code::Ok
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Internal
        | Code::DataLoss => None,
    }
}

/// The stable name of a gRPC code, for a status that carries no code of ours.
fn code_name(code: tonic::Code) -> &'static str {
    use tonic::Code;
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        current = error.source();
    }
    None
}

fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
