//! `dhow check`: one question or many, with the reason if asked for.

use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::explain;
use super::failure::Failure;
use super::input;
use super::options::{Connection, Consistency, ReadOptions, SchemaOption};
use super::output::{Output, columns, decision_word, insert_answered};
use super::wire;
use crate::validation::Question;

/// Checks in one batch: the server's limit.
const BATCH: usize = 1_000;

/// The exit code of a conditional answer.
const EXIT_CONDITIONAL: u8 = 3;

/// May a subject do something to an object?
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code: 0 allowed, 1 denied, 2 error, 3 conditional. Of several questions the worst counts: error, denied, conditional, allowed.

JSON, one object for each question: {\"question\", \"decision\": \"allowed|denied|conditional\", \"missing_parameters\": [name], \
\"explanation\" (with --explain), \"token\", \"revision\", \"age_ms\", \"degraded\", \"schema_version\"}; a question of a batch that \
could not be decided has \"error\": {\"code\", \"message\"} instead of a decision.

\"explanation\": {\"root\": {\"summary\", \"decision\", \"tuple\", \"provenance\", \"children\"}, \"nearest_misses\": [text], \
\"misses\": [{\"summary\", \"tuple\", \"provenance\"}], \"text\"}; where a tuple is from, \"provenance\": {\"contextual\", \"revision\", \
\"time\", \"actor\"}, null where it is not known.

Examples:
  dhow check document:readme#view@user:ada
  dhow check document:readme#view@user:ada --explain --context '{\"ip\": \"10.0.0.7\"}'
  dhow check document:readme#view@user:eve --with document:readme#viewer@user:eve
  dhow check - < questions.txt")]
pub(crate) struct CheckArguments {
    /// `object#permission@subject`; `-` reads one a line from stdin, each perhaps followed by ` with {"name": value}`
    #[arg(required = true, value_name = "QUESTION")]
    questions: Vec<String>,
    /// Caveat parameters, as a JSON object
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// A tuple that this request alone sees; may be given many times
    #[arg(long = "with", value_name = "TUPLE")]
    with: Vec<String>,
    /// Print the path that decided, with each tuple's revision, time and writer; for a denial, what came closest
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    schema: SchemaOption,
    #[command(flatten)]
    connection: Connection,
}

impl CheckArguments {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// An answer to one question.
struct Answer {
    question: String,
    outcome: Result<Decided, (String, String)>,
}

struct Decided {
    decision: v1::Decision,
    missing_parameters: Vec<String>,
    explanation: Option<v1::Explanation>,
}

/// Runs `dhow check`.
///
/// # Errors
/// When a question cannot be read, or the server refuses the request.
pub(crate) async fn run(arguments: CheckArguments, output: &Output) -> Result<ExitCode, Failure> {
    let questions = read_questions(&arguments)?;
    let client = Client::connect(&arguments.connection).await?;
    let contextual = wire::tuples(&arguments.with)?;
    let (answers, answered_at) = match questions.as_slice() {
        [(text, question)] => {
            let (answer, at) = check_one(&client, &arguments, text, question, &contextual, &arguments.read.consistency).await?;
            (vec![answer], at)
        }
        many if arguments.explain => check_each(&client, &arguments, many, &contextual).await?,
        many => check_batch(&client, &arguments, many, &contextual).await?,
    };
    print(&answers, answered_at.as_ref(), output)?;
    Ok(exit_code(&answers))
}

/// The questions with their texts; the context of the command line is what a question's own context is laid over.
fn read_questions(arguments: &CheckArguments) -> Result<Vec<(String, Question)>, Failure> {
    let shared = match &arguments.context {
        Some(json) => input::context(json)?,
        None => dhow_schema::value::Context::new(),
    };
    let mut texts = Vec::new();
    for argument in &arguments.questions {
        if argument == "-" {
            let stdin = input::read_text("-")?;
            texts.extend(stdin.lines().filter_map(input::meaning).map(str::to_owned));
        } else {
            texts.push(argument.clone());
        }
    }
    if texts.is_empty() {
        return Err(
            Failure::new("question", "there is no question on stdin").help("write one a line, such as document:readme#view@user:ada")
        );
    }
    texts
        .into_iter()
        .map(|text| {
            let mut question = Question::parse(&text)
                .map_err(|error| Failure::new("question", format!("`{text}` is no question: {error}")).help(error.help()))?;
            for (name, value) in &shared {
                question.context.entry(name.clone()).or_insert_with(|| value.clone());
            }
            Ok((text, question))
        })
        .collect()
}

async fn check_one(
    client: &Client,
    arguments: &CheckArguments,
    text: &str,
    question: &Question,
    contextual: &[v1::Tuple],
    consistency: &Consistency,
) -> Result<(Answer, Option<v1::AnsweredAt>), Failure> {
    let request = v1::CheckRequest {
        store: client.store.clone(),
        consistency: Some(consistency.to_wire()),
        check: Some(wire::question_to_wire(question)),
        contextual_tuples: contextual.to_vec(),
        schema_version: arguments.schema.schema_version,
        explain: arguments.explain,
    };
    let response = client.authorization().check(client.request(request)).await?.into_inner();
    let decision = known_decision(response.decision())?;
    let decided = Decided { decision, missing_parameters: response.missing_parameters, explanation: response.explanation };
    Ok((Answer { question: text.to_owned(), outcome: Ok(decided) }, response.answered_at))
}

/// Each question by itself, for its explanation, all at the revision of the first.
async fn check_each(
    client: &Client,
    arguments: &CheckArguments,
    questions: &[(String, Question)],
    contextual: &[v1::Tuple],
) -> Result<(Vec<Answer>, Option<v1::AnsweredAt>), Failure> {
    let mut answers = Vec::with_capacity(questions.len());
    let mut answered_at: Option<v1::AnsweredAt> = None;
    for (text, question) in questions {
        let consistency = same_revision(answered_at.as_ref(), &arguments.read.consistency);
        let (answer, at) = check_one(client, arguments, text, question, contextual, &consistency).await?;
        answers.push(answer);
        answered_at = answered_at.or(at);
    }
    Ok((answers, answered_at))
}

/// Many questions in batches, all at the revision of the first.
async fn check_batch(
    client: &Client,
    arguments: &CheckArguments,
    questions: &[(String, Question)],
    contextual: &[v1::Tuple],
) -> Result<(Vec<Answer>, Option<v1::AnsweredAt>), Failure> {
    let mut answers = Vec::with_capacity(questions.len());
    let mut answered_at: Option<v1::AnsweredAt> = None;
    for batch in questions.chunks(BATCH) {
        let consistency = same_revision(answered_at.as_ref(), &arguments.read.consistency);
        let request = v1::BatchCheckRequest {
            store: client.store.clone(),
            consistency: Some(consistency.to_wire()),
            checks: batch.iter().map(|(_, question)| wire::question_to_wire(question)).collect(),
            contextual_tuples: contextual.to_vec(),
            context: None,
            schema_version: arguments.schema.schema_version,
        };
        let response = client.authorization().batch_check(client.request(request)).await?.into_inner();
        if response.results.len() != batch.len() {
            return Err(Failure::new("protocol", "the server answered another number of questions than it was asked"));
        }
        for ((text, _), result) in batch.iter().zip(response.results) {
            answers.push(Answer { question: text.clone(), outcome: batch_outcome(result)? });
        }
        answered_at = answered_at.or(response.answered_at);
    }
    Ok((answers, answered_at))
}

fn same_revision(first: Option<&v1::AnsweredAt>, asked: &Consistency) -> Consistency {
    first.map_or_else(|| asked.clone(), |at| Consistency::Exact(at.token.clone()))
}

fn batch_outcome(result: v1::CheckResult) -> Result<Result<Decided, (String, String)>, Failure> {
    match result.error {
        Some(error) => {
            let status = tonic::Status::with_details(error.code.into(), error.message.clone(), encode_status(&error));
            let failure = Failure::from(status);
            Ok(Err((failure.code, failure.message)))
        }
        None => {
            let decision = known_decision(result.decision())?;
            Ok(Ok(Decided { decision, missing_parameters: result.missing_parameters, explanation: None }))
        }
    }
}

/// An error inside an answer in the form that gRPC has for the error of a whole request.
fn encode_status(error: &dhow_proto::rpc::Status) -> tonic::codegen::Bytes {
    prost::Message::encode_to_vec(error).into()
}

/// A decision that this program does not know is no decision: never "allowed" by default.
pub(super) fn known_decision(decision: v1::Decision) -> Result<v1::Decision, Failure> {
    match decision {
        v1::Decision::Allowed | v1::Decision::Denied | v1::Decision::Conditional => Ok(decision),
        v1::Decision::Unspecified => Err(Failure::new("protocol", "the server's answer holds no decision that this program knows")),
    }
}

fn print(answers: &[Answer], answered_at: Option<&v1::AnsweredAt>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        for answer in answers {
            output.json(&answer_json(answer, answered_at))?;
        }
        return Ok(());
    }
    match answers {
        [answer] => print_one(answer, output)?,
        many => print_table(many, output)?,
    }
    output.answered(answered_at);
    Ok(())
}

fn print_one(answer: &Answer, output: &Output) -> Result<(), Failure> {
    match &answer.outcome {
        Ok(decided) => {
            output.line(&decision_line(decided, output))?;
            if let Some(explanation) = &decided.explanation {
                explain::print(explanation, output)?;
            }
        }
        Err((code, message)) => output.line(&format!("error[{code}]: {message}"))?,
    }
    Ok(())
}

fn decision_line(decided: &Decided, output: &Output) -> String {
    let style = output.styles().decision(decided.decision);
    let word = decision_word(decided.decision);
    let mut line = format!("{style}{word}{style:#}");
    if !decided.missing_parameters.is_empty() {
        line.push_str(&format!(" (it hangs on {})", decided.missing_parameters.join(", ")));
    }
    line
}

fn print_table(answers: &[Answer], output: &Output) -> Result<(), Failure> {
    let questions: Vec<Vec<String>> = answers.iter().map(|answer| vec![answer.question.clone(), String::from("·")]).collect();
    for (answer, padded) in answers.iter().zip(columns(&questions)) {
        // The dot holds the column's width; the verdict takes its place.
        let padded = padded.trim_end_matches('·');
        match &answer.outcome {
            Ok(decided) => {
                output.line(&format!("{padded}{}", decision_line(decided, output)))?;
                if let Some(explanation) = &decided.explanation {
                    explain::print(explanation, output)?;
                }
            }
            Err((code, message)) => {
                let style = output.styles().error;
                output.line(&format!("{padded}{style}error[{code}]{style:#}: {message}"))?;
            }
        }
    }
    Ok(())
}

fn answer_json(answer: &Answer, answered_at: Option<&v1::AnsweredAt>) -> Value {
    let mut object = Map::new();
    object.insert("question".to_owned(), answer.question.clone().into());
    match &answer.outcome {
        Ok(decided) => {
            object.insert("decision".to_owned(), decision_word(decided.decision).into());
            object.insert("missing_parameters".to_owned(), decided.missing_parameters.clone().into());
            if let Some(explanation) = &decided.explanation {
                object.insert("explanation".to_owned(), explain::to_json(explanation));
            }
        }
        Err((code, message)) => {
            object.insert("error".to_owned(), json!({"code": code, "message": message}));
        }
    }
    insert_answered(&mut object, answered_at);
    Value::Object(object)
}

/// The worst answer counts: error, denied, conditional, allowed.
fn exit_code(answers: &[Answer]) -> ExitCode {
    let mut code = 0;
    for answer in answers {
        let (this, rank) = match &answer.outcome {
            Err(_) => return ExitCode::from(super::EXIT_ERROR),
            Ok(decided) => match decided.decision {
                v1::Decision::Allowed => (0, 0),
                v1::Decision::Conditional => (EXIT_CONDITIONAL, 1),
                v1::Decision::Denied => (1, 2),
                v1::Decision::Unspecified => return ExitCode::from(super::EXIT_ERROR),
            },
        };
        let so_far = match code {
            0 => 0,
            EXIT_CONDITIONAL => 1,
            _ => 2,
        };
        if rank > so_far {
            code = this;
        }
    }
    ExitCode::from(code)
}
