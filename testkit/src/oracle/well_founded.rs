//! The well-founded model of a ground logic program, by its definition.
//!
//! A. Van Gelder, K. Ross, J. Schlipf, "The Well-Founded Semantics for General Logic Programs", J. ACM 38 (1991), section 3: the
//! least fixpoint of `W(I) = T(I) + not U(I)`, where `T(I)` are the heads of rules whose body is true in `I`, and `U(I)` is the
//! greatest unfounded set.

/// What an atom is in the well-founded model, in the order of truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    False,
    Undefined,
    True,
}

/// An atom or its negation in a body.
#[derive(Debug, Clone, Copy)]
pub(super) enum Literal {
    Is(usize),
    IsNot(usize),
}

/// `head` if the whole body holds.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) head: usize,
    pub(super) body: Vec<Literal>,
}

impl Literal {
    fn truth(self, interpretation: &[Truth]) -> Truth {
        match self {
            Self::Is(atom) => interpretation[atom],
            Self::IsNot(atom) => match interpretation[atom] {
                Truth::True => Truth::False,
                Truth::False => Truth::True,
                Truth::Undefined => Truth::Undefined,
            },
        }
    }
}

/// The value of each of the atoms, which are numbered from 0.
pub(super) fn well_founded(rules: &[Rule], atoms: usize) -> Vec<Truth> {
    let mut interpretation = vec![Truth::Undefined; atoms];
    loop {
        let next = step(rules, &interpretation);
        if next == interpretation {
            return interpretation;
        }
        interpretation = next;
    }
}

/// `W(I)`.
fn step(rules: &[Rule], interpretation: &[Truth]) -> Vec<Truth> {
    let unfounded = greatest_unfounded_set(rules, interpretation);
    let mut next: Vec<Truth> = unfounded.iter().map(|unfounded| if *unfounded { Truth::False } else { Truth::Undefined }).collect();
    for rule in rules {
        if rule.body.iter().all(|literal| literal.truth(interpretation) == Truth::True) {
            next[rule.head] = Truth::True;
        }
    }
    next
}

/// `U(I)`: the greatest set such that each rule for one of its atoms has a body literal that is false in `I`, or a positive one in
/// the set. Found by beginning with all atoms and taking out what has a rule of neither kind.
fn greatest_unfounded_set(rules: &[Rule], interpretation: &[Truth]) -> Vec<bool> {
    let mut unfounded = vec![true; interpretation.len()];
    loop {
        let mut changed = false;
        for rule in rules.iter().filter(|rule| rule.body.iter().all(|literal| literal.truth(interpretation) != Truth::False)) {
            let held = rule.body.iter().any(|literal| matches!(literal, Literal::Is(atom) if unfounded[*atom]));
            if unfounded[rule.head] && !held {
                unfounded[rule.head] = false;
                changed = true;
            }
        }
        if !changed {
            return unfounded;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(head: usize, body: &[Literal]) -> Rule {
        Rule { head, body: body.to_vec() }
    }

    #[test]
    fn the_examples_of_the_literature_come_out() {
        use Literal::{Is, IsNot};
        // p <- not p: neither true nor false.
        assert_eq!(well_founded(&[rule(0, &[IsNot(0)])], 1), [Truth::Undefined]);
        // p <- not q; q <- not p: two stable models, so neither.
        assert_eq!(well_founded(&[rule(0, &[IsNot(1)]), rule(1, &[IsNot(0)])], 2), [Truth::Undefined, Truth::Undefined]);
        // p <- q; q <- p: nothing supports them from outside.
        assert_eq!(well_founded(&[rule(0, &[Is(1)]), rule(1, &[Is(0)])], 2), [Truth::False, Truth::False]);
        // Win-move: a -> b -> c wins at b alone; d and e, which move to each other, are drawn.
        let win = [rule(0, &[IsNot(1)]), rule(1, &[IsNot(2)]), rule(3, &[IsNot(4)]), rule(4, &[IsNot(3)])];
        assert_eq!(well_founded(&win, 5), [Truth::False, Truth::True, Truth::False, Truth::Undefined, Truth::Undefined]);
    }
}
