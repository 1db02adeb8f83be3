//! Makes up what happens next.

use super::judges::{Judges, Verdict};
use super::stage::Stage;
use super::{Asked, Form, Inquiry, Script, Step};
use crate::generate::{Choices, Profile, model, nesting, question, rewritten, tuple, world};
use crate::model::{Model, Question, Shape, Tuple, World, latest};
use crate::oracle::Answer;

/// How many questions are asked at once.
const QUESTIONS: usize = 8;
/// How often an inquiry is about the head and what was written last, and how often a question of such an inquiry is, and of another.
const AT_THE_HEAD_PERCENT: usize = 30;
const ABOUT_CHANGES_PERCENT: [usize; 2] = [60, 10];
/// How often some of them are asked once more as a batch, and how often one of them in each other form.
const BATCHES_PERCENT: usize = 40;
const OTHERS_PERCENT: usize = 60;
/// Above so many tuples they go rather than come: brute force has its limits.
const MANY: usize = 45;
/// Worlds of more tuples are judged by the circuit alone.
const MOST_FOR_ORACLE: usize = 50;
/// How many nodes a segment of the graph's base has.
const SEGMENT_NODES: usize = 1 << 16;

/// Makes up a history.
pub(super) struct Teller {
    choices: Choices,
    models: Vec<Model>,
    now: i64,
    /// What comes first.
    opening: Vec<Tuple>,
    /// The model written last.
    current: usize,
    /// What was removed lately.
    gone: Vec<Tuple>,
    /// What was written last: tuples that came, were replaced or went.
    changed: Vec<Tuple>,
}

impl Teller {
    /// The beginning of a history, without steps; `padded`: its base has several segments.
    pub(super) fn begin(seed: u64, padded: bool) -> (Self, Script) {
        let mut choices = Choices::seeded(seed);
        let World { model: first, tuples: opening, now } = world(&mut choices, Profile::ALL);
        let mut models = vec![first];
        models.extend((0..1 + choices.below(3)).map(|_| model(&mut choices, Profile::ALL)));
        let max_states = 1 + *choices.pick(&[1, 3, 8, 20, 60]);
        // The segment's last nodes are the first of the world.
        let padding = if padded { SEGMENT_NODES / 2 - choices.below(6) } else { 0 };
        let script = Script { models: models.clone(), max_states, padding, steps: Vec::new() };
        (Self { choices, models, now, opening, current: 0, gone: Vec::new(), changed: Vec::new() }, script)
    }

    /// How every history begins.
    pub(super) fn opening(&self) -> Vec<Step> {
        vec![Step::Schema(0), Step::Write(self.opening.iter().map(|tuple| (tuple.clone(), true)).collect())]
    }

    /// What happens next, other than questions.
    pub(super) fn next(&mut self, stage: &Stage) -> Step {
        match self.choices.below(100) {
            0..=54 => Step::Write(self.changes(stage)),
            55..=71 => Step::Work,
            72..=90 => Step::Install,
            91..=93 => Step::Restart(*self.choices.pick(&[0, 2, 5, 100])),
            94..=95 => Step::Hold(u64::try_from(self.choices.below(4)).expect("a small number")),
            _ => {
                self.current = self.choices.below(self.models.len());
                Step::Schema(self.current)
            }
        }
    }

    fn changes(&mut self, stage: &Stage) -> Vec<(Tuple, bool)> {
        let present: Vec<Tuple> = stage.newest().values().map(|known| known.model.clone()).collect();
        let nested: Vec<Tuple> = present.iter().filter(|tuple| matches!(tuple.subject.shape(), Shape::Userset(_))).cloned().collect();
        let model = if self.choices.chance(15) { self.choices.below(self.models.len()) } else { self.current };
        let world = World { model: self.models[model].clone(), tuples: present, now: self.now };
        let removal = if world.tuples.len() > MANY { 80 } else { 35 };
        let mut changes: Vec<(Tuple, bool)> = Vec::new();
        for _ in 0..=self.choices.below(6) {
            let choices = &mut self.choices;
            if choices.chance(removal) && !world.tuples.is_empty() {
                let from = if choices.chance(50) && !nested.is_empty() { &nested } else { &world.tuples };
                changes.push((choices.pick(from).clone(), false));
                continue;
            }
            match choices.below(100) {
                0..=29 => changes.push((tuple(choices, &world), true)),
                30..=39 => changes.push((passing(choices, &world), true)),
                40..=59 => changes.extend(nesting(choices, &world).into_iter().map(|tuple| (tuple, true))),
                60..=79 if !self.gone.is_empty() => changes.push((choices.pick(&self.gone).clone(), true)),
                _ if !world.tuples.is_empty() => {
                    let tuple = choices.pick(&world.tuples).clone();
                    changes.extend(rewritten(choices, &world, tuple).map(|tuple| (tuple, true)));
                }
                _ => {}
            }
        }
        let mut once: Vec<(Tuple, bool)> = Vec::new();
        for (tuple, keep) in changes {
            once.retain(|(other, _)| !other.same_key(&tuple));
            once.push((tuple, keep));
        }
        self.gone.extend(once.iter().filter(|(_, keep)| !keep).map(|(tuple, _)| tuple.clone()));
        let forgotten = self.gone.len().saturating_sub(10);
        self.gone.drain(..forgotten);
        self.changed = once.iter().map(|(tuple, _)| tuple.clone()).collect();
        once
    }

    /// Whether something is asked now.
    pub(super) fn asks(&mut self, percent: usize) -> bool {
        self.choices.chance(percent)
    }

    /// Questions about some revision, with what their answers must be.
    pub(super) fn inquiry(&mut self, stage: &Stage) -> (Inquiry, Vec<Verdict>) {
        let (oldest, head) = stage.window();
        let depth = usize::try_from(head - oldest).expect("few revisions");
        let at_the_head = self.choices.chance(AT_THE_HEAD_PERCENT);
        let age = if !at_the_head && self.choices.chance(80) { self.choices.below(depth + 1) } else { 0 };
        let model = if !at_the_head && self.choices.chance(45) { self.choices.below(self.models.len()) } else { self.current };
        let now = self.now + *self.choices.pick(&[0, 0, 0, -1, 1, 7_200]);
        let age = u64::try_from(age).expect("few revisions");
        let mut inquiry = Inquiry {
            age,
            model,
            now,
            held: !at_the_head && self.choices.chance(20),
            by_oracle: self.choices.chance(25),
            questions: Vec::new(),
        };
        let tuples: Vec<Tuple> = stage.tuples(&inquiry).values().map(|known| known.model.clone()).collect();
        inquiry.by_oracle &= tuples.len() <= MOST_FOR_ORACLE;
        let mut world = World { model: self.models[model].clone(), tuples, now };
        // The orphans of other schemas stay in the way of answers, but a question about names that the schema does not have is none.
        world.tuples.retain(|tuple| has_names_of(&world.model, tuple));
        let judges = stage.judges(&inquiry);
        let (mut verdicts, mut about_changes) = (Vec::new(), Vec::new());
        for place in 0..QUESTIONS {
            let about_a_change = self.about_a_change(&world, ABOUT_CHANGES_PERCENT[usize::from(!at_the_head)]);
            about_changes.extend(about_a_change.iter().map(|_| place));
            let (question, verdict) = match about_a_change {
                Some(question) => (question.clone(), judges.check(&question)),
                None => self.telling(&world, &judges),
            };
            verdicts.push(verdict);
            inquiry.questions.push(Asked { question, forms: vec![Form::Check] });
        }
        self.more_forms(&mut inquiry.questions, &verdicts, &about_changes);
        (inquiry, verdicts)
    }

    /// A question with its verdict. Most pairs of object and subject have nothing to do with each other: a plain no is drawn again.
    fn telling(&mut self, world: &World, judges: &Judges<'_>) -> (Question, Verdict) {
        let mut drawn = self.question(world);
        let mut verdict = judges.check(&drawn);
        for _ in 0..5 {
            if verdict.answer() != (Answer::Denied { paradox: false }) {
                break;
            }
            drawn = self.question(world);
            verdict = judges.check(&drawn);
        }
        (drawn, verdict)
    }

    /// Asks some of the questions in other forms as well.
    fn more_forms(&mut self, questions: &mut [Asked], verdicts: &[Verdict], about_changes: &[usize]) {
        let choices = &mut self.choices;
        if choices.chance(BATCHES_PERCENT) {
            let first = choices.below(questions.len() - 1);
            questions[first..].iter_mut().for_each(|asked| asked.forms.push(Form::Batch));
        }
        // Where the check is a plain no, lists are mostly empty.
        let telling = |(_, verdict): &(usize, &Verdict)| verdict.answer() != (Answer::Denied { paradox: false });
        let telling: Vec<usize> =
            verdicts.iter().enumerate().filter(telling).map(|(place, _)| place).chain(about_changes.iter().copied()).collect();
        for form in [Form::Objects, Form::Subjects, Form::Permissions, Form::Tree] {
            if choices.chance(OTHERS_PERCENT) {
                let any = telling.is_empty() || choices.chance(30);
                let asked = if any { choices.below(questions.len()) } else { *choices.pick(&telling) };
                questions[asked].forms.push(form);
            }
        }
    }

    /// In so many of a hundred cases: whether what was written last has its effect. That somebody is out of a group again is a plain no,
    /// which is worth the question.
    fn about_a_change(&mut self, world: &World, percent: usize) -> Option<Question> {
        let choices = &mut self.choices;
        let known: Vec<&Tuple> = self.changed.iter().filter(|tuple| has_names_of(&world.model, tuple)).collect();
        if known.is_empty() || !choices.chance(percent) {
            return None;
        }
        // From the change some steps towards what holds the group, and some towards who is in it.
        let changed = *choices.pick(&known);
        let (mut above, mut below) = (changed, changed);
        for _ in 0..choices.below(3) {
            let holds = |tuple: &&Tuple| tuple.subject.object == above.object && tuple.subject.relation.as_ref() == Some(&above.relation);
            let holding: Vec<&Tuple> = world.tuples.iter().filter(holds).collect();
            above = if holding.is_empty() { above } else { *choices.pick(&holding) };
            let is_in = |tuple: &&Tuple| tuple.object == below.subject.object && Some(&tuple.relation) == below.subject.relation.as_ref();
            let within: Vec<&Tuple> = world.tuples.iter().filter(is_in).collect();
            below = if within.is_empty() { below } else { *choices.pick(&within) };
        }
        let names: Vec<&str> = world.model.definition(&above.object.object_type)?.names().collect();
        let same = choices.chance(60) && names.contains(&above.relation.as_str());
        let permission = if same { above.relation.clone() } else { (*choices.pick(&names)).to_owned() };
        let (object, subject) = (above.object.clone(), below.subject.clone());
        Some(Question { object, permission, subject, ..question(choices, world) })
    }

    /// A question, now and then with more contextual tuples: shapes of nested groups, and ids that nothing stored names.
    fn question(&mut self, world: &World) -> Question {
        let choices = &mut self.choices;
        let mut drawn = question(choices, world);
        if choices.chance(8) {
            drawn.contextual.extend(nesting(choices, world));
        }
        if choices.chance(8) {
            // A way through an object that nothing else names: to it from what is asked about, and from it to the subject or anybody.
            let mut to = tuple(choices, world);
            if to.subject.shape() != Shape::Wildcard {
                "unknown".clone_into(&mut to.subject.object.id);
            }
            let mut from = tuple(choices, world);
            "unknown".clone_into(&mut from.object.id);
            drawn.contextual.extend([to, from]);
        }
        drawn.contextual = latest(&drawn.contextual);
        drawn
    }
}

/// A tuple of an object that comes and goes: its name is given up and comes back, and its number is another's meanwhile.
fn passing(choices: &mut Choices, world: &World) -> Tuple {
    let mut tuple = tuple(choices, world);
    let id = format!("passing{}", choices.below(8));
    if tuple.subject.shape() == Shape::Wildcard || choices.chance(50) {
        tuple.object.id = id;
    } else {
        tuple.subject.object.id = id;
    }
    tuple
}

fn has_names_of(model: &Model, tuple: &Tuple) -> bool {
    let subject = &tuple.subject;
    let known = |object_type| model.definition(object_type).is_some();
    known(&tuple.object.object_type)
        && known(&subject.object.object_type)
        && subject.relation.as_ref().is_none_or(|relation| model.has(&subject.object.object_type, relation))
}
