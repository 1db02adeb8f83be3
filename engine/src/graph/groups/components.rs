//! Which groups are nested in each other: the strongly connected components of nesting.
//!
//! Tarjan, "Depth-first search and linear graph algorithms" (1972), with a stack of our own: data decides how deep it gets.

/// Who is nested in whom, by number: groups in sorted order, and the parents of each in one row.
pub(super) struct Parents {
    /// Where the parents of a group begin, and one more at the end.
    pub(super) starts: Vec<u32>,
    /// The parents, by number.
    pub(super) parents: Vec<u32>,
}

impl Parents {
    /// The number of groups.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The parents of a group.
    pub(super) fn of(&self, group: u32) -> &[u32] {
        row(&self.starts, &self.parents, group)
    }
}

/// The components, parents before children.
pub(super) struct Components {
    /// The component of each group.
    of: Vec<u32>,
    starts: Vec<u32>,
    members: Vec<u32>,
}

impl Components {
    /// The number of components.
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The component of a group.
    pub(super) fn of(&self, group: u32) -> u32 {
        get(&self.of, group)
    }

    /// The groups of a component.
    pub(super) fn members(&self, component: u32) -> &[u32] {
        row(&self.starts, &self.members, component)
    }

    /// Finds them: O(groups + edges).
    pub(super) fn find(graph: &Parents) -> Self {
        let mut search = Search {
            graph,
            order: vec![NEVER; graph.len()],
            low: vec![NEVER; graph.len()],
            visited: 0,
            open: Vec::new(),
            path: Vec::new(),
            found: Self { of: vec![NEVER; graph.len()], starts: vec![0], members: Vec::with_capacity(graph.len()) },
        };
        for group in 0..narrow(graph.len()) {
            search.run(group);
        }
        search.found
    }
}

/// No number of a group, component or visit: there are fewer than this (see `MAX_EDGES`).
const NEVER: u32 = u32::MAX;

struct Search<'a> {
    graph: &'a Parents,
    /// When a group was first visited.
    order: Vec<u32>,
    /// The earliest visit that a group reaches among those whose component is still open.
    low: Vec<u32>,
    visited: u32,
    /// Visited groups whose component is not yet known.
    open: Vec<u32>,
    /// The way to the group that is looked at, each with the number of its parents that were looked at.
    path: Vec<(u32, u32)>,
    found: Components,
}

impl Search<'_> {
    fn run(&mut self, start: u32) {
        if get(&self.order, start) != NEVER {
            return;
        }
        self.enter(start);
        while let Some((group, looked_at)) = self.path.last_mut() {
            let group = *group;
            let Some(&parent) = self.graph.of(group).get(*looked_at as usize) else {
                self.leave(group);
                continue;
            };
            *looked_at += 1;
            if get(&self.order, parent) == NEVER {
                self.enter(parent);
            } else if self.found.of(parent) == NEVER {
                self.lower(group, get(&self.order, parent));
            }
        }
    }

    fn enter(&mut self, group: u32) {
        put(&mut self.order, group, self.visited);
        put(&mut self.low, group, self.visited);
        self.visited += 1;
        self.open.push(group);
        self.path.push((group, 0));
    }

    fn leave(&mut self, group: u32) {
        self.path.pop();
        let low = get(&self.low, group);
        if let Some(&(child, _)) = self.path.last() {
            self.lower(child, low);
        }
        if low != get(&self.order, group) {
            return;
        }
        let component = narrow(self.found.len());
        while let Some(member) = self.open.pop() {
            put(&mut self.found.of, member, component);
            self.found.members.push(member);
            if member == group {
                break;
            }
        }
        self.found.starts.push(narrow(self.found.members.len()));
    }

    fn lower(&mut self, group: u32, to: u32) {
        let lower = get(&self.low, group).min(to);
        put(&mut self.low, group, lower);
    }
}

/// A count as a number of 32 bits; `MAX_EDGES` keeps every count below.
pub(super) fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(NEVER)
}

fn get(row: &[u32], at: u32) -> u32 {
    row.get(at as usize).copied().unwrap_or(NEVER)
}

fn put(row: &mut [u32], at: u32, value: u32) {
    if let Some(place) = row.get_mut(at as usize) {
        *place = value;
    }
}

fn row<'a>(starts: &[u32], all: &'a [u32], at: u32) -> &'a [u32] {
    let at = at as usize;
    starts.get(at).zip(starts.get(at + 1)).and_then(|(&start, &end)| all.get(start as usize..end as usize)).unwrap_or(&[])
}
