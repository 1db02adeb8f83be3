//! Explain: why a check is answered as it is, for people.
//!
//! An allowed answer is explained by its proof: of a union the side that held first in the solver's order, of everything else all
//! parts. Reasons come before what rests on them in that order, so a proof never goes in a circle. A denied answer is explained
//! by what was looked for and failed, a conditional one by the parts that wait for parameters, a paradox by its way back to
//! itself. For a denial, [`Explanation::nearest_misses`] says what came closest. Each tuple comes with where it is from
//! ([`Evidence`]): its revision, or the request.
//!
//! Steps are a tree in the order of reading, each with its depth; their number and depth are bounded ([`crate::limits`]).

use std::sync::Arc;

use dhow_schema::caveat::Outcome;
use dhow_schema::ir::{Name, Quantifier, Rewrite};
use dhow_schema::value::Context;

use super::build::{Atom, Origin, Solved, World};
use super::check::{Decision, EvalError, Evaluator};
use super::circuit::{GateId, Truth};
use super::provenance::Evidence;
use crate::limits::{MAX_EXPLANATION_DEPTH, MAX_EXPLANATION_STEPS};
use crate::tuple::{ObjectRef, Subject, Tuple, TupleKey};
use crate::validate::check_question;

pub use misses::NearMiss;

mod misses;
mod text;

/// Failing sides of one union that are shown; the rest is counted.
const MAX_FAILING: usize = 8;

/// Why a check is answered as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The question.
    pub question: TupleKey,
    /// The answer.
    pub decision: Decision,
    /// The reasons, as a tree in the order of reading.
    pub steps: Vec<Step>,
    /// Whether there are more steps than are shown.
    pub truncated: bool,
    /// For a denial: what came closest, nearest to the question first; at most 20.
    pub nearest_misses: Vec<NearMiss>,
}

impl Explanation {
    /// The tuples that its steps and nearest misses name.
    pub fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        let misses = self.nearest_misses.iter().filter_map(NearMiss::evidence);
        self.steps.iter().filter_map(Step::evidence).chain(misses)
    }
}

/// One step of an [`Explanation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How many steps it lies below; deeper ones than [`MAX_EXPLANATION_DEPTH`] stand at that depth, one after the other.
    pub depth: usize,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What it says.
    pub what: What,
}

/// Whether a step holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Yes.
    Holds,
    /// It waits for parameters.
    Depends,
    /// It rests on its own absence, which counts as no.
    Paradox,
    /// No.
    Fails,
}

/// What a [`Step`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A relation or permission of an object, and its rule in the schema.
    Relation {
        /// The object.
        object: ObjectRef,
        /// The relation.
        relation: Name,
        /// Its rewrite as the schema writes it; `None`: it holds tuples alone.
        rule: Option<String>,
    },
    /// The subject is this userset.
    Itself,
    /// A relation of an object that was explained before.
    Again {
        /// The object.
        object: ObjectRef,
        /// The relation.
        relation: Name,
    },
    /// A part of a rule.
    Rule {
        /// As the schema writes it.
        rule: String,
    },
    /// The part of a rule that takes subjects out: it holds where that part does not.
    Unless {
        /// As the schema writes it.
        rule: String,
    },
    /// A tuple, with what it leads to below.
    Tuple(Evidence),
    /// What a tuple's caveat says.
    Caveat(CaveatStep),
    /// That no tuple of a relation names the subject, nor a userset that it might be in.
    NoTuple {
        /// The object.
        object: ObjectRef,
        /// The relation.
        relation: Name,
    },
    /// More failing parts, which are not shown.
    More {
        /// How many.
        count: usize,
    },
}

/// What a caveat says, and what it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaveatStep {
    /// Its name.
    pub name: Name,
    /// Its expression.
    pub expression: String,
    /// The values of the parameters that the expression refers to, as far as they are known.
    pub values: Context,
    /// Its outcome.
    pub outcome: Outcome,
}

impl CaveatStep {
    /// What the caveat of a tuple says in a world; `None`: it has none.
    fn of(world: &World<'_>, tuple: &Tuple) -> Option<Self> {
        let stored = tuple.caveat.as_ref()?;
        let caveat = world.schema.caveats.get(stored.name())?;
        let value = |name: &Name| stored.context().get(name).or_else(|| world.context.get(name));
        let values = caveat.references().iter().filter_map(|name| Some((name.clone(), value(name)?.clone()))).collect();
        Some(Self { name: stored.name().clone(), expression: caveat.expression().to_owned(), values, outcome: world.caveat(tuple).0 })
    }
}

impl<'a> Evaluator<'a> {
    /// Decides one question and says why. As [`Evaluator::check`], and at most [`MAX_EXPLANATION_STEPS`] steps.
    ///
    /// # Errors
    /// Those of [`Evaluator::check`].
    pub fn explain(&self, question: &TupleKey) -> Result<Explanation, EvalError> {
        self.answered(self.explained(question))
    }

    fn explained(&self, question: &TupleKey) -> Result<Explanation, EvalError> {
        check_question(self.world.schema, question)?;
        let mut meter = self.meter();
        let (solved, root) = self.solve(question, &mut meter)?;
        let decision = solved.decision(root)?;
        let atom = Arc::new(Atom { object: question.object().clone(), relation: question.relation().clone() });
        let mut narrator =
            Narrator { world: &self.world, subject: question.subject(), solved: &solved, steps: Vec::new(), told: Vec::new() };
        let truncated = narrator.tell(root, &atom);
        let steps = narrator.steps;
        let nearest_misses = if decision.is_denied() {
            misses::nearest(&self.world, question.subject(), &solved, (root, atom), &mut meter)?
        } else {
            Vec::new()
        };
        Ok(Explanation { question: question.clone(), decision, steps, truncated, nearest_misses })
    }
}

impl Solved<'_> {
    fn verdict(&self, gate: GateId) -> Verdict {
        match (self.solution.lo(gate), self.solution.hi(gate)) {
            (Truth::True, _) => Verdict::Holds,
            (Truth::False | Truth::Paradox, Truth::True) => Verdict::Depends,
            (Truth::False | Truth::Paradox, Truth::Paradox) => Verdict::Paradox,
            (Truth::False | Truth::Paradox, Truth::False) => Verdict::Fails,
        }
    }
}

/// Walks from gate to gate and writes down what they stand for.
struct Narrator<'n, 'a> {
    world: &'n World<'a>,
    subject: &'n Subject,
    solved: &'n Solved<'a>,
    steps: Vec<Step>,
    /// Gates of relations that have been explained.
    told: Vec<GateId>,
}

/// What is still to be told.
enum Todo {
    Gate { gate: GateId, atom: Arc<Atom>, depth: usize, nested: bool },
    Say(Step),
}

impl Narrator<'_, '_> {
    /// Tells everything about a gate; true if that was more than is shown.
    fn tell(&mut self, root: GateId, atom: &Arc<Atom>) -> bool {
        let mut open = vec![Todo::Gate { gate: root, atom: Arc::clone(atom), depth: 0, nested: false }];
        while let Some(todo) = open.pop() {
            if self.steps.len() >= MAX_EXPLANATION_STEPS {
                return true;
            }
            let mut next = match todo {
                Todo::Say(step) => {
                    self.steps.push(step);
                    continue;
                }
                Todo::Gate { gate, atom, depth, nested } => self.gate(gate, &atom, depth, nested),
            };
            next.reverse();
            open.append(&mut next);
        }
        false
    }

    fn say(&mut self, depth: usize, verdict: Verdict, what: What) {
        self.steps.push(Step { depth: depth.min(MAX_EXPLANATION_DEPTH), verdict, what });
    }

    /// Says what a gate stands for, and returns what is to be told below it. `nested`: it is a part of a larger rule.
    fn gate(&mut self, gate: GateId, atom: &Arc<Atom>, depth: usize, nested: bool) -> Vec<Todo> {
        let verdict = self.solved.verdict(gate);
        let Some(origin) = self.solved.origin(gate) else { return Vec::new() };
        match origin {
            Origin::Atom(atom) => self.relation(gate, atom, depth, verdict),
            Origin::Rewrite(rewrite) => self.rewrite(gate, (atom, rewrite), depth, nested, verdict),
            Origin::Negation => {
                let input = self.solved.solution.inputs(gate).next();
                let rule = input.and_then(|input| self.rule_of(input)).unwrap_or_default();
                self.say(depth, verdict, What::Unless { rule });
                // That the other side failed needs no story; that it did not is the reason.
                if verdict == Verdict::Holds { Vec::new() } else { self.inputs(gate, atom, depth + 1, verdict, true) }
            }
            Origin::Tuple(tuple) => {
                let evidence = Evidence::of(self.world.view, tuple);
                self.say(depth, verdict, What::Tuple(evidence));
                self.inputs(gate, atom, depth + 1, verdict, true)
            }
            Origin::Caveat(tuple) => {
                if let Some(caveat) = CaveatStep::of(self.world, tuple) {
                    self.say(depth, verdict, What::Caveat(caveat));
                }
                Vec::new()
            }
        }
    }

    fn relation(&mut self, gate: GateId, atom: &Arc<Atom>, depth: usize, verdict: Verdict) -> Vec<Todo> {
        let (object, relation) = (atom.object.clone(), atom.relation.clone());
        if self.told.contains(&gate) {
            self.say(depth, verdict, What::Again { object, relation });
            return Vec::new();
        }
        self.told.push(gate);
        let rewrite = self.world.relation(atom).map(|relation| &relation.rewrite);
        let rule = rewrite.filter(|rewrite| **rewrite != Rewrite::Direct).map(ToString::to_string);
        self.say(depth, verdict, What::Relation { object, relation, rule });
        if atom.is(self.subject) {
            self.say(depth + 1, verdict, What::Itself);
            return Vec::new();
        }
        self.inputs(gate, atom, depth + 1, verdict, false)
    }

    fn rewrite(
        &mut self,
        gate: GateId,
        (atom, rewrite): (&Arc<Atom>, &Rewrite),
        depth: usize,
        nested: bool,
        verdict: Verdict,
    ) -> Vec<Todo> {
        match rewrite {
            // These say nothing that the lines around them do not say.
            Rewrite::Computed(_) | Rewrite::Union(_) => self.inputs(gate, atom, depth, verdict, true),
            Rewrite::Direct => {
                let below = self.inputs(gate, atom, depth, verdict, true);
                if below.is_empty() {
                    self.say(depth, verdict, What::NoTuple { object: atom.object.clone(), relation: atom.relation.clone() });
                }
                below
            }
            Rewrite::Arrow { tupleset, .. } => {
                let depth = self.part(rewrite, depth, nested, verdict);
                let below = self.inputs(gate, atom, depth, verdict, true);
                if below.is_empty() {
                    self.say(depth, verdict, What::NoTuple { object: atom.object.clone(), relation: tupleset.clone() });
                }
                below
            }
            Rewrite::Intersection(_) | Rewrite::Exclusion { .. } => {
                let depth = self.part(rewrite, depth, nested, verdict);
                self.inputs(gate, atom, depth, verdict, true)
            }
            Rewrite::Nil | Rewrite::SelfObject => {
                self.say(depth, verdict, What::Rule { rule: rewrite.to_string() });
                Vec::new()
            }
        }
    }

    /// Names a part of a rule, unless it is the whole rule, which the line above shows; returns the depth of what is below.
    fn part(&mut self, rewrite: &Rewrite, depth: usize, nested: bool, verdict: Verdict) -> usize {
        if !nested {
            return depth;
        }
        self.say(depth, verdict, What::Rule { rule: rewrite.to_string() });
        depth + 1
    }

    /// The inputs that make a gate what it is.
    fn inputs(&self, gate: GateId, atom: &Arc<Atom>, depth: usize, verdict: Verdict, nested: bool) -> Vec<Todo> {
        let solution = &self.solved.solution;
        let todo = |gate| Todo::Gate { gate, atom: Arc::clone(atom), depth, nested };
        let Some(origin) = self.solved.origin(gate) else { return Vec::new() };
        if let Origin::Negation = origin {
            return solution.inputs(gate).map(todo).collect();
        }
        let like_this = solution.inputs(gate).filter(|input| self.solved.verdict(*input) == verdict);
        match verdict {
            Verdict::Holds if needs_all(origin) => like_this.map(todo).collect(),
            Verdict::Holds => like_this.min_by_key(|input| solution.rank(*input)).map(todo).into_iter().collect(),
            Verdict::Depends | Verdict::Paradox => like_this.map(todo).collect(),
            Verdict::Fails => {
                let all: Vec<GateId> = like_this.collect();
                let hidden = all.len().saturating_sub(MAX_FAILING);
                let more = Step { depth: depth.min(MAX_EXPLANATION_DEPTH), verdict, what: What::More { count: hidden } };
                let shown = all.into_iter().take(MAX_FAILING).map(todo);
                if hidden > 0 { shown.chain([Todo::Say(more)]).collect() } else { shown.collect() }
            }
        }
    }

    /// The part of a rule that a gate stands for.
    fn rule_of(&self, gate: GateId) -> Option<String> {
        match self.solved.origin(gate)? {
            Origin::Rewrite(rewrite) => Some(rewrite.to_string()),
            Origin::Atom(atom) => Some(atom.relation.to_string()),
            Origin::Negation | Origin::Tuple(_) | Origin::Caveat(_) => None,
        }
    }
}

/// Whether a gate holds only if all its inputs do.
fn needs_all(origin: &Origin<'_>) -> bool {
    match origin {
        Origin::Tuple(_) | Origin::Negation => true,
        Origin::Atom(_) | Origin::Caveat(_) => false,
        Origin::Rewrite(rewrite) => match rewrite {
            Rewrite::Intersection(_) | Rewrite::Exclusion { .. } => true,
            Rewrite::Arrow { quantifier, .. } => *quantifier == Quantifier::All,
            Rewrite::Direct | Rewrite::Computed(_) | Rewrite::Union(_) | Rewrite::Nil | Rewrite::SelfObject => false,
        },
    }
}
