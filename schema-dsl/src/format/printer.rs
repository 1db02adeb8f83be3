//! White space between pieces.

use super::piece::{Piece, Place};
use crate::syntax::SyntaxKind;

/// What stands between two pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    Nothing,
    Space,
    /// A new line, indented by this many levels.
    Line(usize),
    /// An empty line before it.
    Blank(usize),
}

/// Levels that the further lines of one statement are indented by.
const CONTINUATION: usize = 1;

/// Writes all pieces.
pub(super) fn print(pieces: &[Piece]) -> String {
    let mut printer = Printer { out: String::new(), level: 0, spread_out: false, last_item: LastItem::None };
    let mut before: Option<&Piece> = None;
    for piece in pieces {
        printer.piece(before, piece);
        before = Some(piece);
    }
    if !printer.out.is_empty() {
        printer.out.push('\n');
    }
    printer.out
}

/// What the last declaration at the top was, as long as only comments on its own line follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastItem {
    None,
    Small,
    Big,
}

struct Printer {
    out: String,
    /// 0 at the top of the file, 1 in a block.
    level: usize,
    /// Whether in a list of parameters with one on each line.
    spread_out: bool,
    last_item: LastItem,
}

impl Printer {
    fn piece(&mut self, before: Option<&Piece>, piece: &Piece) {
        if piece.kind == SyntaxKind::CaveatText {
            return self.caveat_text(piece.token.text());
        }
        if piece.place == Place::BlockEnd {
            self.level = 0;
        }
        let gap = before.map_or(Gap::Nothing, |before| self.gap(before, piece));
        let own_line = self.write_gap(gap);
        if piece.kind.is_comment() {
            self.comment(piece.token.text(), &"  ".repeat(own_line.unwrap_or_default()));
        } else {
            self.out.push_str(piece.token.text());
        }
        self.after(piece);
    }

    /// Keeps track of where the printer is.
    fn after(&mut self, piece: &Piece) {
        match (piece.kind, piece.parent) {
            (SyntaxKind::LBrace, SyntaxKind::Block) => self.level = 1,
            (SyntaxKind::RBrace, SyntaxKind::Block | SyntaxKind::CaveatBody) => self.last_item = LastItem::Big,
            (SyntaxKind::LParen, SyntaxKind::Parameters) => self.spread_out = piece.spread_out,
            (SyntaxKind::RParen, SyntaxKind::Parameters) => self.spread_out = false,
            _ => {}
        }
        if piece.place == Place::SmallItem {
            self.last_item = LastItem::Small;
        }
    }

    fn gap(&mut self, before: &Piece, piece: &Piece) -> Gap {
        let after_line_comment = before.kind == SyntaxKind::LineComment;
        let trails = piece.newlines == 0 && !after_line_comment;
        let line = if piece.newlines >= 2 { Gap::Blank(self.level) } else { Gap::Line(self.level) };
        let opens = before.kind == SyntaxKind::LBrace;
        match piece.place {
            Place::TopComment | Place::BlockComment if trails => Gap::Space,
            Place::TopComment => {
                let big = std::mem::replace(&mut self.last_item, LastItem::None) == LastItem::Big;
                if big { Gap::Blank(0) } else { line }
            }
            Place::SmallItem | Place::BigItem => {
                let last = std::mem::replace(&mut self.last_item, LastItem::None);
                let small_then_big = last == LastItem::Small && piece.place == Place::BigItem;
                if last == LastItem::Big || small_then_big { Gap::Blank(0) } else { line }
            }
            Place::BlockComment | Place::Member if opens => Gap::Line(self.level),
            Place::BlockComment | Place::Member => line,
            Place::BlockEnd if opens => Gap::Nothing,
            Place::BlockEnd => Gap::Line(0),
            Place::Inline => self.inline_gap(before, piece, after_line_comment),
        }
    }

    fn inline_gap(&self, before: &Piece, piece: &Piece, after_line_comment: bool) -> Gap {
        if self.spread_out && piece.parent == SyntaxKind::Parameters && piece.kind == SyntaxKind::RParen {
            return Gap::Line(self.level);
        }
        let continuation = Gap::Line(self.level + CONTINUATION);
        let next_parameter = before.parent == SyntaxKind::Parameters && matches!(before.kind, SyntaxKind::LParen | SyntaxKind::Comma);
        if after_line_comment || (self.spread_out && next_parameter && !piece.kind.is_comment()) {
            return continuation;
        }
        if piece.kind.is_comment() || before.kind.is_comment() {
            return if piece.newlines > 0 { continuation } else { Gap::Space };
        }
        if hugs(before, piece) {
            Gap::Nothing
        } else if piece.newlines > 0 && piece.kind != SyntaxKind::LBrace {
            continuation
        } else {
            Gap::Space
        }
    }

    /// Writes white space; gives the indentation where the next piece begins a line.
    fn write_gap(&mut self, gap: Gap) -> Option<usize> {
        let level = match gap {
            Gap::Nothing => return self.out.is_empty().then_some(0),
            Gap::Space => {
                self.out.push(' ');
                return None;
            }
            Gap::Line(level) => level,
            Gap::Blank(level) => {
                self.out.push('\n');
                level
            }
        };
        self.out.push('\n');
        self.out.push_str(&"  ".repeat(level));
        Some(level)
    }

    /// Writes a comment. The further lines of a starred one are aligned below its star; those of another one stay as they are.
    fn comment(&mut self, text: &str, indent: &str) {
        let starred = text.lines().skip(1).all(|line| line.trim_start().starts_with('*'));
        for (index, line) in text.lines().enumerate() {
            if index > 0 {
                self.out.push('\n');
            }
            if index > 0 && starred {
                self.out.push_str(indent);
                self.out.push(' ');
                self.out.push_str(line.trim());
            } else {
                self.out.push_str(line.trim_end());
            }
        }
    }

    /// Writes the body of a caveat between its braces. Lines after the first are the author's.
    fn caveat_text(&mut self, text: &str) {
        let expression = text.trim();
        if expression.is_empty() {
            return;
        }
        let lead = text.len() - text.trim_start().len();
        let margin = text.get(..lead).and_then(|lead| lead.rsplit_once('\n')).map(|(_, margin)| margin);
        self.out.push('\n');
        match margin {
            Some(margin) if expression.contains('\n') => self.out.push_str(margin),
            Some(_) | None => self.out.push_str("  "),
        }
        self.out.push_str(expression);
        self.out.push('\n');
    }
}

/// Whether two tokens of one statement stand together without a blank.
fn hugs(before: &Piece, piece: &Piece) -> bool {
    let opens = matches!(before.kind, SyntaxKind::LParen | SyntaxKind::LAngle | SyntaxKind::Hash | SyntaxKind::Dot | SyntaxKind::Arrow)
        || (before.kind == SyntaxKind::Ellipsis)
        || (before.kind == SyntaxKind::Colon && before.parent == SyntaxKind::Wildcard)
        || (before.kind == SyntaxKind::CaveatText)
        || (before.kind == SyntaxKind::LBrace && piece.kind == SyntaxKind::RBrace);
    let closes = matches!(
        piece.kind,
        SyntaxKind::Comma
            | SyntaxKind::Colon
            | SyntaxKind::RParen
            | SyntaxKind::LAngle
            | SyntaxKind::RAngle
            | SyntaxKind::Hash
            | SyntaxKind::Dot
            | SyntaxKind::Arrow
    );
    let calls = piece.kind == SyntaxKind::LParen && matches!(piece.parent, SyntaxKind::Parameters | SyntaxKind::FunctionArrow);
    opens || closes || calls
}
