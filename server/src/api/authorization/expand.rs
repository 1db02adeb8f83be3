//! Expand: the engine's flat expansion as a tree on the wire.
//!
//! Readers bound how deep messages nest (100 levels, most of them), data does not. So each userset is written once, inside the tree
//! while it is not deep, and beside it, among `more`, where it is; elsewhere stands a reference by name.

use std::collections::VecDeque;

use dhow_engine::eval::{ExpandedTuple, Expansion, Operand, UsersetIndex};
use dhow_engine::tuple::{ObjectRef, Subject, Tuple};
use dhow_proto::v1;
use dhow_proto::v1::expand_node::Kind;
use dhow_proto::v1::expand_reference::Reason;
use dhow_schema::ir::{Name, Quantifier};
use dhow_schema::value::Context;

use crate::api::convert::{caveat_to_wire, object_to_wire, subject_to_wire, timestamp_to_wire};
use crate::api::{Api, Caller, convert};
use crate::errors::ApiError;

/// How many nodes deep a tree is written: two messages each, under a bound of 100 that stored contexts have a share of.
const DEPTH: usize = 20;

impl Api {
    /// Who has a relation or permission, as a tree.
    pub(super) async fn expand(&self, caller: &Caller, request: v1::ExpandRequest) -> Result<v1::ExpandResponse, ApiError> {
        let object = convert::object("object", request.object)?;
        convert::name("permission", &request.permission)?;
        let contextual = convert::contextual_tuples(request.contextual_tuples)?;
        let session = self.session(caller, &request.store, request.consistency, request.schema_version).await?;
        let contextual = session.admit(contextual)?;
        let depth = (request.max_depth != 0).then_some(request.max_depth);
        let (permission, steps) = (Name::from(request.permission), self.limits.evaluation_steps);
        let answered_at = Some(session.answered_at()?);
        let expand = move || {
            let context = Context::new();
            let expansion = session.ask(&contextual, &context, steps, |evaluator| evaluator.expand(&object, &permission, depth))?;
            let mut trees = trees(&expansion);
            Ok((trees.pop_front(), trees.into()))
        };
        let (root, more) = self.heavy(&caller.deadline, expand).await?;
        Ok(v1::ExpandResponse { answered_at, root, more })
    }
}

/// Writes an expansion as trees.
struct Writer<'e> {
    expansion: &'e Expansion,
    /// Which usersets stand in a tree, or will.
    written: Vec<bool>,
    /// Those that get a tree of their own.
    later: VecDeque<UsersetIndex>,
}

/// The tree of what was asked for, and after it those of usersets that lie too deep in it.
fn trees(expansion: &Expansion) -> VecDeque<v1::ExpandNode> {
    let mut writer = Writer { expansion, written: vec![false; expansion.usersets.len()], later: VecDeque::from([0]) };
    if let Some(first) = writer.written.first_mut() {
        *first = true;
    }
    let mut trees = VecDeque::new();
    while let Some(index) = writer.later.pop_front() {
        trees.push_back(writer.body(index, DEPTH));
    }
    trees
}

impl Writer<'_> {
    /// A userset with its rewrite.
    fn body(&mut self, index: UsersetIndex, depth: usize) -> v1::ExpandNode {
        let expansion = self.expansion;
        let Some(userset) = expansion.usersets.get(index) else { return v1::ExpandNode::default() };
        let kind = match &userset.rewrite {
            Some(rewrite) => self.operand(&userset.object, rewrite, depth),
            None => reference(Reason::TooDeep),
        };
        v1::ExpandNode {
            object: Some(object_to_wire(&userset.object)),
            relation: userset.relation.to_string(),
            caveat: None,
            kind: Some(kind),
        }
    }

    /// A userset where it is met: with its rewrite the first time and while there is room, else as a reference.
    fn userset(&mut self, index: UsersetIndex, depth: usize) -> v1::ExpandNode {
        let expansion = self.expansion;
        let Some(userset) = expansion.usersets.get(index) else { return v1::ExpandNode::default() };
        let first = self.written.get_mut(index).is_some_and(|written| !std::mem::replace(written, true));
        if first && depth > 0 {
            return self.body(index, depth);
        }
        let not_expanded = userset.rewrite.is_none();
        if first && !not_expanded {
            self.later.push_back(index);
        }
        v1::ExpandNode {
            object: Some(object_to_wire(&userset.object)),
            relation: userset.relation.to_string(),
            caveat: None,
            kind: Some(reference(if not_expanded { Reason::TooDeep } else { Reason::Repeated })),
        }
    }

    fn operand(&mut self, object: &ObjectRef, operand: &Operand, depth: usize) -> Kind {
        // Only a rewrite that nests its own operators this deep is cut here.
        let Some(below) = depth.checked_sub(1) else { return reference(Reason::TooDeep) };
        match operand {
            Operand::Direct(tuples) => self.direct(tuples, below),
            Operand::Computed(index) => Kind::Union(v1::ExpandChildren { children: vec![self.userset(*index, below)] }),
            Operand::Arrow { target, quantifier, steps, .. } => {
                let children = steps.iter().filter_map(|step| self.step(step, target, *quantifier, below)).collect();
                match quantifier {
                    Quantifier::Any => Kind::Union(v1::ExpandChildren { children }),
                    Quantifier::All => Kind::All(v1::ExpandChildren { children }),
                }
            }
            Operand::Union(operands) => Kind::Union(self.operands(object, operands, below)),
            Operand::Intersection(operands) => Kind::Intersection(self.operands(object, operands, below)),
            Operand::Exclusion { base, subtract } => {
                let children = vec![self.node(object, base, below), self.node(object, subtract, below)];
                Kind::Exclusion(v1::ExpandChildren { children })
            }
            Operand::Nil => Kind::Leaf(v1::ExpandLeaf::default()),
            Operand::SelfObject => {
                let subject = Some(subject_to_wire(&Subject::object(object.clone())));
                let subjects = vec![v1::ExpandSubject { subject, ..v1::ExpandSubject::default() }];
                Kind::Leaf(v1::ExpandLeaf { subjects })
            }
        }
    }

    fn node(&mut self, object: &ObjectRef, operand: &Operand, depth: usize) -> v1::ExpandNode {
        v1::ExpandNode { kind: Some(self.operand(object, operand, depth)), ..v1::ExpandNode::default() }
    }

    fn operands(&mut self, object: &ObjectRef, operands: &[Operand], depth: usize) -> v1::ExpandChildren {
        v1::ExpandChildren { children: operands.iter().map(|operand| self.node(object, operand, depth)).collect() }
    }

    /// The tuples of a relation: its subjects, and the usersets among them with who is in those.
    fn direct(&mut self, tuples: &[ExpandedTuple], depth: usize) -> Kind {
        let plain = tuples.iter().filter(|tuple| tuple.userset.is_none()).map(|tuple| subject(&tuple.tuple)).collect();
        let leaf = Kind::Leaf(v1::ExpandLeaf { subjects: plain });
        if tuples.iter().all(|tuple| tuple.userset.is_none()) {
            return leaf;
        }
        let mut children = vec![v1::ExpandNode { kind: Some(leaf), ..v1::ExpandNode::default() }];
        for tuple in tuples {
            if let Some(index) = tuple.userset {
                children.push(under_caveat(self.userset(index, depth), &tuple.tuple));
            }
        }
        Kind::Union(v1::ExpandChildren { children })
    }

    /// A tuple that an arrow follows. One that leads nowhere adds nobody to `any`, and leaves nobody in `all`.
    fn step(&mut self, step: &ExpandedTuple, target: &Name, quantifier: Quantifier, depth: usize) -> Option<v1::ExpandNode> {
        match (step.userset, quantifier) {
            (Some(index), Quantifier::Any | Quantifier::All) => Some(under_caveat(self.userset(index, depth), &step.tuple)),
            (None, Quantifier::Any) => None,
            (None, Quantifier::All) => {
                let object = step.tuple.key.subject().object_ref().as_ref().map(object_to_wire);
                let kind = Some(Kind::Leaf(v1::ExpandLeaf::default()));
                Some(v1::ExpandNode { object, relation: target.to_string(), caveat: None, kind })
            }
        }
    }
}

fn under_caveat(node: v1::ExpandNode, tuple: &Tuple) -> v1::ExpandNode {
    v1::ExpandNode { caveat: tuple.caveat.as_ref().map(caveat_to_wire), ..node }
}

fn subject(tuple: &Tuple) -> v1::ExpandSubject {
    v1::ExpandSubject {
        subject: Some(subject_to_wire(tuple.key.subject())),
        caveat: tuple.caveat.as_ref().map(caveat_to_wire),
        expires_at: tuple.expires_at.map(timestamp_to_wire),
    }
}

fn reference(reason: Reason) -> Kind {
    Kind::Reference(v1::ExpandReference { reason: reason.into() })
}
