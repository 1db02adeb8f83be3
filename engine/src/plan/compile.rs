//! From a schema to plans.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use dhow_schema::ir::{Definition, Name, Quantifier, Relation, RelationKind, Rewrite, Schema, SubjectShape, SubjectType};

use super::order::{components, find_reach, find_tangles};
use super::{AskedKind, Expr, GroupClass, KindId, Op, Plan, PlanId, Plans, Reach, Rule};
use crate::graph::ids::{ClassId, RelationId, TypeId};
use crate::graph::nesting::NestingClass;
use crate::graph::vocabulary::{Class, Kind, Vocabulary};

/// How many operations a plan may have before what it is computed from is no longer written out in it: what many relations are computed
/// from would be written out in all of them.
const MAX_WRITTEN_OUT: usize = 32;

/// How many operations all plans of a schema may have before large ones are no longer made, and decided by the circuit. An arrow has an
/// operation for each type that it can lead to, so that a hostile schema could ask for the square of its length.
const MAX_OPERATIONS: usize = 500_000;

/// Up to so many operations a plan is not large.
const SMALL: usize = 64;

/// Lists of operations by plan and kind of subject, at most. A schema with more has its operations looked through each time.
const MAX_LISTS: usize = 1 << 16;

/// The plans of a schema, all of whose names the vocabulary has. O(schema log schema), and of arrows up to [`MAX_OPERATIONS`].
pub(crate) fn compile(schema: &Schema, vocabulary: &Vocabulary) -> Plans {
    let (plans, groups, classes) = (Plans::default(), BTreeSet::new(), BTreeMap::new());
    let mut compiler = Compiler { schema, vocabulary, plans, classes, groups, operations: 0, is_cut: false };
    compiler.number();
    compiler.find_classes();
    compiler.find_groups();
    for definition in schema.definitions.values() {
        for relation in definition.relations.values() {
            compiler.named(definition, relation);
        }
    }
    let mut plans = compiler.plans;
    let components = components(&plans.plans);
    find_tangles(&mut plans.plans, &components);
    let kinds: BTreeMap<_, _> = plans.kinds.iter().map(|(key, id)| (*key, *id)).collect();
    find_reach(&mut plans.plans, &components, vocabulary, &kinds);
    if plans.plans.len().saturating_mul(kinds.len()) <= MAX_LISTS {
        for plan in &mut plans.plans {
            let reaching = |kind| (0_u32..).zip(&plan.ops).filter(move |(_, (_, reach))| reach.has(kind)).map(|(place, _)| place).collect();
            plan.by_kind = (0..).map(KindId).take(kinds.len()).map(reaching).collect();
        }
        plans.find_simple();
        plans.find_links();
    }
    plans
}

struct Compiler<'a> {
    schema: &'a Schema,
    vocabulary: &'a Vocabulary,
    plans: Plans,
    /// The classes that a relation's tuples can be of, in the order of the schema, each once.
    classes: BTreeMap<(TypeId, RelationId), Classes>,
    /// Relations whose members are found by going up from the subject.
    groups: BTreeSet<(TypeId, RelationId)>,
    /// How many there are so far.
    operations: usize,
    /// Whether the plan that is being made would be too large, and is not whole.
    is_cut: bool,
}

type Classes = Rc<[(ClassId, Class)]>;

/// Where a rewrite stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    definition: &'a Definition,
    type_id: TypeId,
}

impl<'a> Compiler<'a> {
    /// Gives every relation its plan, to be filled in, and every kind of subject its number.
    fn number(&mut self) {
        for definition in self.schema.definitions.values() {
            let Some(type_id) = self.vocabulary.type_id(&definition.name) else { continue };
            self.kind(type_id, Kind::Object, &definition.name, &"".into());
            self.kind(type_id, Kind::Wildcard, &definition.name, &"*".into());
            for name in definition.relations.keys() {
                let Some(relation) = self.vocabulary.relation_id(name) else { continue };
                let id = self.push(Plan::default());
                self.plans.named.insert((type_id, relation), id);
                self.plans.asked.insert(definition.name.clone(), name.clone(), (type_id, id));
                self.kind(type_id, Kind::Userset(relation), &definition.name, name);
            }
        }
    }

    fn kind(&mut self, type_id: TypeId, kind: Kind, type_name: &Name, name: &Name) {
        let kind_id = KindId(u32::try_from(self.plans.kinds.len()).unwrap_or(u32::MAX) % KindId::MAX);
        self.plans.kinds.insert((type_id, kind), kind_id);
        self.plans.subjects.insert(type_name.clone(), name.clone(), AskedKind { type_id, kind, kind_id });
    }

    fn push(&mut self, plan: Plan) -> PlanId {
        let id = PlanId(u32::try_from(self.plans.plans.len()).unwrap_or(u32::MAX));
        self.plans.plans.push(plan);
        id
    }

    /// Finds the classes of every relation, and which of their edges count.
    fn find_classes(&mut self) {
        for definition in self.schema.definitions.values() {
            let Some(type_id) = self.vocabulary.type_id(&definition.name) else { continue };
            for relation in definition.relations.values() {
                let Some(relation_id) = self.vocabulary.relation_id(&relation.name) else { continue };
                let (mut classes, mut known) = (Vec::new(), BTreeSet::new());
                for direct in &relation.direct {
                    let Some((id, class)) = self.class(type_id, relation_id, direct) else { continue };
                    if known.insert(id) {
                        classes.push((id, class));
                    }
                    self.rule(id, class.kind, direct);
                }
                self.classes.insert((type_id, relation_id), classes.into());
            }
        }
        let of_wildcards = self.classes.values().flat_map(|classes| classes.iter()).filter(|(_, class)| class.kind == Kind::Wildcard);
        let wildcards: BTreeSet<TypeId> = of_wildcards.map(|(_, class)| class.subject_type).collect();
        self.plans.wildcards = wildcards.into_iter().collect();
    }

    fn class(&self, object_type: TypeId, relation: RelationId, direct: &SubjectType) -> Option<(ClassId, Class)> {
        let kind = match &direct.shape {
            SubjectShape::Object => Kind::Object,
            SubjectShape::Wildcard => Kind::Wildcard,
            SubjectShape::Userset(name) => Kind::Userset(self.vocabulary.relation_id(name)?),
        };
        let class = Class { object_type, relation, subject_type: self.vocabulary.type_id(&direct.object_type)?, kind };
        Some((self.vocabulary.class_id(&class)?, class))
    }

    fn rule(&mut self, class: ClassId, kind: Kind, direct: &SubjectType) {
        let place = class.0 as usize;
        if self.plans.rules.len() <= place {
            self.plans.rules.resize(place + 1, Rule::default());
        }
        let Some(rule) = self.plans.rules.get_mut(place) else { return };
        rule.kind = Some(kind);
        if direct.caveat.is_none() && !direct.expiration {
            rule.plain = true;
        } else {
            rule.qualified.push((direct.caveat.clone(), direct.expiration));
        }
    }

    fn classes(&self, type_id: TypeId, relation: &Relation) -> Classes {
        let relation = self.vocabulary.relation_id(&relation.name);
        relation.and_then(|relation| self.classes.get(&(type_id, relation))).map_or_else(|| Rc::new([]) as Classes, Rc::clone)
    }

    /// Which relations are groups: they hold tuples alone, and whatever usersets these name are groups as well. The greatest such set.
    fn find_groups(&mut self) {
        let mut members: BTreeMap<(TypeId, RelationId), Classes> = BTreeMap::new();
        for definition in self.schema.definitions.values() {
            let Some(type_id) = self.vocabulary.type_id(&definition.name) else { continue };
            for relation in definition.relations.values() {
                let Some(relation_id) = self.vocabulary.relation_id(&relation.name) else { continue };
                if relation.rewrite == Rewrite::Direct && relation.kind == RelationKind::Relation {
                    members.insert((type_id, relation_id), self.classes(type_id, relation));
                }
            }
        }
        // Whatever takes a userset that is no group is none, and so on.
        let (mut takers, mut none) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
        for (group, classes) in &members {
            for (_, class) in classes.iter() {
                let Kind::Userset(relation) = class.kind else { continue };
                let taken = (class.subject_type, relation);
                takers.entry(taken).or_default().push(*group);
                if !members.contains_key(&taken) {
                    none.push(*group);
                }
            }
        }
        while let Some(group) = none.pop() {
            if members.remove(&group).is_some() {
                none.extend(takers.remove(&group).unwrap_or_default());
            }
        }
        self.groups = members.keys().copied().collect();
        // Only those that somebody names as a userset need be found from below.
        let named: BTreeSet<(TypeId, RelationId)> = self.named_usersets();
        self.groups.retain(|group| named.contains(group));
        for group in &self.groups {
            for (class, Class { subject_type, kind, relation, .. }) in members.get(group).into_iter().flat_map(|classes| classes.iter()) {
                self.plans.groups.push(GroupClass { class: *class, subject_type: *subject_type, kind: *kind, relation: *relation });
            }
        }
        let nests = self.plans.groups.iter().filter(|group| matches!(group.kind, Kind::Userset(_)));
        let is_plain = |class: ClassId| self.plans.rule(class).is_some_and(|rule| rule.plain);
        let mut nesting: Vec<_> = nests.map(|group| NestingClass { class: group.class, plain: is_plain(group.class) }).collect();
        nesting.sort_unstable();
        self.plans.nesting = nesting;
        self.plans.groups.sort_unstable_by_key(|group| (group.subject_type, group.kind, group.class));
        let kinds: BTreeMap<_, _> = self.plans.kinds.iter().map(|(kind, id)| (*kind, *id)).collect();
        self.plans.groups_by_kind = vec![None; kinds.len().min(KindId::MAX as usize)];
        for ((type_id, kind), id) in kinds {
            let begin = self.plans.groups.partition_point(|group| (group.subject_type, group.kind) < (type_id, kind));
            let end = begin + self.plans.groups_of(type_id, kind).len();
            if let Some(place) = self.plans.groups_by_kind.get_mut(id.0 as usize) {
                *place = Some((type_id, kind, begin..end));
            }
        }
    }

    /// The usersets that the schema's relations take as subjects.
    fn named_usersets(&self) -> BTreeSet<(TypeId, RelationId)> {
        let relations = self.schema.definitions.values().flat_map(|definition| definition.relations.values());
        relations
            .flat_map(|relation| &relation.direct)
            .filter_map(|direct| match &direct.shape {
                SubjectShape::Userset(name) => Some((self.vocabulary.type_id(&direct.object_type)?, self.vocabulary.relation_id(name)?)),
                SubjectShape::Object | SubjectShape::Wildcard => None,
            })
            .collect()
    }

    fn named(&mut self, definition: &'a Definition, relation: &'a Relation) {
        let ids = (self.vocabulary.type_id(&definition.name), self.vocabulary.relation_id(&relation.name));
        let (Some(type_id), Some(relation_id)) = ids else { return };
        let Some(id) = self.plans.named(type_id, relation_id) else { return };
        let mut ops = vec![Op::Itself(relation_id)];
        let mut written_out = BTreeSet::from([relation_id]);
        self.union(Place { definition, type_id }, relation, &relation.rewrite, &mut ops, &mut written_out);
        self.fill(id, ops);
    }

    fn fill(&mut self, id: PlanId, mut ops: Vec<Op>) {
        ops.sort_by_key(cost);
        let mut known = hashbrown::HashSet::with_capacity_and_hasher(ops.len(), foldhash::fast::FixedState::default());
        ops.retain(|op| known.insert(op.clone()));
        let weight: usize = ops.iter().map(Op::weight).sum();
        let Some(plan) = self.plans.plans.get_mut(id.0 as usize) else { return };
        if std::mem::take(&mut self.is_cut) || weight > SMALL && self.operations + weight > MAX_OPERATIONS {
            plan.tangled = true;
        } else {
            self.operations += weight;
            plan.has_expressions = ops.iter().any(|op| matches!(op, Op::Expr(_)));
            plan.ops = ops.into_iter().map(|op| (op, Reach::default())).collect();
        }
    }

    /// A plan for a part of a rewrite.
    fn part(&mut self, place: Place<'a>, relation: &'a Relation, rewrite: &'a Rewrite) -> PlanId {
        if let Rewrite::Computed(name) = rewrite
            && let Some(id) = self.vocabulary.relation_id(name).and_then(|name| self.plans.named(place.type_id, name))
        {
            return id;
        }
        let mut ops = Vec::new();
        self.union(place, relation, rewrite, &mut ops, &mut BTreeSet::new());
        let id = self.push(Plan::default());
        self.fill(id, ops);
        id
    }

    /// Adds the operations of a rewrite. Recursion is as deep as rewrites, which the schema's compiler bounds, and computed relations
    /// of one type, each once, follow each other through a list.
    fn union(
        &mut self,
        place: Place<'a>,
        relation: &'a Relation,
        rewrite: &'a Rewrite,
        ops: &mut Vec<Op>,
        written_out: &mut BTreeSet<RelationId>,
    ) {
        let mut open = vec![(relation, rewrite)];
        while let Some((relation, rewrite)) = open.pop() {
            if ops.len() > SMALL && self.operations + ops.len() > MAX_OPERATIONS {
                self.is_cut = true;
                return;
            }
            match rewrite {
                Rewrite::Direct => self.direct(place.type_id, relation, ops),
                Rewrite::Computed(name) => {
                    let Some(id) = self.vocabulary.relation_id(name) else { continue };
                    let Some(computed) = place.definition.relations.get(name) else { continue };
                    let is_large = ops.len() + computed.direct.len() > MAX_WRITTEN_OUT;
                    if is_large && written_out.contains(&id) {
                        continue;
                    }
                    if is_large || !is_union(&computed.rewrite) {
                        ops.extend(self.plans.named(place.type_id, id).map(Op::Same));
                    } else if written_out.insert(id) {
                        ops.push(Op::Itself(id));
                        open.push((computed, &computed.rewrite));
                    }
                }
                Rewrite::Arrow { tupleset, target, quantifier } => {
                    let Some(tupleset) = place.definition.relations.get(tupleset) else { continue };
                    let target = self.vocabulary.relation_id(target);
                    let leads_to = |class: &Class| target.and_then(|target| self.plans.named(class.subject_type, target));
                    let classes = self.classes(place.type_id, tupleset);
                    match quantifier {
                        Quantifier::Any => ops.extend(
                            classes
                                .iter()
                                .filter(|(_, class)| class.kind != Kind::Wildcard)
                                .filter_map(|(id, class)| leads_to(class).map(|plan| Op::Follow { class: *id, plan })),
                        ),
                        Quantifier::All => {
                            let to = |class: &Class| if class.kind == Kind::Wildcard { None } else { leads_to(class) };
                            ops.push(Op::Expr(Expr::All(classes.iter().map(|(id, class)| (*id, to(class))).collect())));
                        }
                    }
                }
                Rewrite::Union(operands) => open.extend(operands.iter().map(|operand| (relation, operand))),
                Rewrite::Intersection(operands) => {
                    let parts = operands.iter().map(|operand| self.part(place, relation, operand)).collect();
                    ops.push(Op::Expr(Expr::And(parts)));
                }
                Rewrite::Exclusion { base, subtract } => {
                    let (base, subtract) = (self.part(place, relation, base), self.part(place, relation, subtract));
                    ops.push(Op::Expr(Expr::Minus(base, subtract)));
                }
                Rewrite::Nil => {}
                Rewrite::SelfObject => ops.push(Op::Object),
            }
        }
    }

    fn direct(&self, type_id: TypeId, relation: &Relation, ops: &mut Vec<Op>) {
        for (id, class) in self.classes(type_id, relation).iter().copied() {
            ops.push(Op::Named(id));
            match class.kind {
                Kind::Object => {}
                Kind::Wildcard => ops.push(Op::Wildcard(id)),
                Kind::Userset(of) => {
                    let Some(plan) = self.plans.named(class.subject_type, of) else { continue };
                    ops.push(if self.groups.contains(&(class.subject_type, of)) {
                        Op::Group { class: id, relation: of, plan }
                    } else {
                        Op::Follow { class: id, plan }
                    });
                }
            }
        }
    }
}

/// Whether a rewrite has no expression. What is computed in it decides for itself.
fn is_union(rewrite: &Rewrite) -> bool {
    match rewrite {
        Rewrite::Direct | Rewrite::Computed(_) | Rewrite::Nil | Rewrite::SelfObject => true,
        Rewrite::Arrow { quantifier, .. } => *quantifier == Quantifier::Any,
        Rewrite::Union(operands) => operands.iter().all(is_union),
        Rewrite::Intersection(_) | Rewrite::Exclusion { .. } => false,
    }
}

/// The cheap ones come first.
const fn cost(op: &Op) -> u8 {
    match op {
        Op::Itself(_) | Op::Object => 0,
        Op::Named(_) | Op::Wildcard(_) => 1,
        Op::Follow { .. } | Op::Same(_) => 2,
        Op::Group { .. } => 3,
        Op::Expr(_) => 4,
    }
}
