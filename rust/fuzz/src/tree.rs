//! JSON values as they are written, to be put together by paths, printed in more than one way, and damaged.

use _native::shape::{Path, Step};

use crate::choices::Choices;

#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// A number, a word, or something that is no JSON at all.
    Bare(String),
    Text(String),
    List(Vec<Tree>),
    /// `fixed`: the order of the members means something.
    Object {
        members: Vec<(String, Tree)>,
        fixed: bool,
    },
}

pub const NULL: Tree = Tree::Bare(String::new());

pub fn bare(text: impl ToString) -> Tree {
    Tree::Bare(text.to_string())
}

pub fn text(text: &str) -> Tree {
    Tree::Text(text.into())
}

/// The reading of `shape.Path.of`.
pub fn path(text: &str) -> Path {
    let body = text.strip_prefix('/').unwrap_or(text);
    let steps = body.split('.').filter(|_| !body.is_empty()).map(|part| match part.parse() {
        Ok(index) => Step::Index(index),
        Err(_) => Step::Key(part.as_bytes().into()),
    });
    Path { steps: steps.collect(), root: text.starts_with("/"), text: text.into(), ..Path::default() }
}

impl Tree {
    /// `value` at the place where these steps lead, objects and lists being made on the way.
    pub fn put(&mut self, steps: &[Step], value: Tree) {
        let Some((step, rest)) = steps.split_first() else {
            if let (Tree::Object { members, .. }, Tree::Object { members: more, .. }) = (&mut *self, &value) {
                members.extend(more.iter().cloned());
                return;
            }
            *self = value;
            return;
        };
        match step {
            Step::Index(index) => {
                if !matches!(self, Tree::List(_)) {
                    *self = Tree::List(Vec::new());
                }
                let Tree::List(items) = self else { unreachable!() };
                let at = usize::try_from(*index).unwrap_or(items.len());
                while items.len() <= at {
                    items.push(NULL);
                }
                items[at].put(rest, value);
            }
            Step::Key(key) => {
                if !matches!(self, Tree::Object { .. }) {
                    *self = Tree::Object { members: Vec::new(), fixed: false };
                }
                let Tree::Object { members, .. } = self else { unreachable!() };
                let key = String::from_utf8_lossy(key).into_owned();
                let at = members.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                    members.push((key, NULL));
                    members.len() - 1
                });
                members[at].1.put(rest, value);
            }
        }
    }

    pub fn plain(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.print(&mut out, &mut None);
        out
    }

    /// The same value with white space, escapes, and keys in another order.
    pub fn odd(&self, how: &mut Choices) -> Vec<u8> {
        let mut out = Vec::new();
        // A little of it and a lot of it: both find other things.
        let much = how.pick(&[3, 15, 60]);
        self.print(&mut out, &mut Some((how, much)));
        out
    }

    fn print(&self, out: &mut Vec<u8>, how: &mut Option<(&mut Choices, u32)>) {
        space(out, how);
        match self {
            Tree::Bare(text) => out.extend_from_slice(if text.is_empty() { b"null" } else { text.as_bytes() }),
            Tree::Text(text) => string(text, out, how),
            Tree::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.print(out, how);
                }
                space(out, how);
                out.push(b']');
            }
            Tree::Object { members, fixed } => {
                out.push(b'{');
                let mut order: Vec<&(String, Tree)> = members.iter().collect();
                if let Some((how, much)) = how {
                    if !fixed && how.chance(*much) {
                        how.shuffle(&mut order);
                    }
                }
                for (at, (key, value)) in order.into_iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    space(out, how);
                    string(key, out, how);
                    space(out, how);
                    out.push(b':');
                    value.print(out, how);
                }
                space(out, how);
                out.push(b'}');
            }
        }
        space(out, how);
    }

    pub fn members_mut(&mut self) -> Vec<&mut Tree> {
        match self {
            Tree::List(items) => items.iter_mut().collect(),
            Tree::Object { members, .. } => members.iter_mut().map(|(_, value)| value).collect(),
            _ => Vec::new(),
        }
    }

    /// How many values are in it, itself counted.
    pub fn size(&self) -> usize {
        1 + match self {
            Tree::List(items) => items.iter().map(Tree::size).sum(),
            Tree::Object { members, .. } => members.iter().map(|(_, value)| value.size()).sum(),
            _ => 0,
        }
    }

    /// The value that comes `at`-th, going through all of them.
    pub fn nth(&mut self, mut at: usize) -> &mut Tree {
        if at == 0 {
            return self;
        }
        at -= 1;
        for member in self.members_mut() {
            let size = member.size();
            if at < size {
                return member.nth(at);
            }
            at -= size;
        }
        unreachable!("beyond its size")
    }
}

fn space(out: &mut Vec<u8>, how: &mut Option<(&mut Choices, u32)>) {
    if let Some((how, much)) = how {
        if how.chance(*much) {
            let count = how.pick(&[1, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33]);
            let byte = how.pick(b" \t\n\r  ");
            out.extend(std::iter::repeat_n(byte, count));
        }
    }
}

fn string(text: &str, out: &mut Vec<u8>, how: &mut Option<(&mut Choices, u32)>) {
    out.push(b'"');
    for letter in text.chars() {
        let escaped = how.as_mut().is_some_and(|(how, much)| how.chance(*much / 2));
        if escaped {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let upper = how.as_mut().is_some_and(|(how, _)| how.chance(50));
                let code = if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                out.extend_from_slice(code.as_bytes());
            }
            continue;
        }
        match letter {
            '"' | '\\' => out.extend_from_slice(&[b'\\', letter as u8]),
            '/' if how.as_mut().is_some_and(|(how, _)| how.chance(30)) => out.extend_from_slice(b"\\/"),
            '\0'..='\x1f' => out.extend_from_slice(format!("\\u{:04x}", letter as u32).as_bytes()),
            _ => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

const TOKENS: &[&str] = &[
    "",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "01",
    "1e999",
    "1e38",
    "1e39",
    "0e-39",
    "1.",
    ".5",
    "NaN",
    "-",
    "--1",
    "[]",
    "{}",
    "\"\"",
    "\" \"",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\x\"",
    "\"a\tb\"",
    "nul",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "1e20",
    "\"1e20\"",
    "\"0\"",
    "\"-0\"",
    "\"-1\"",
    "\"1e-38\"",
    "\"99999999999999999999999999999999999999\"",
    "\"999999999999999999999999999999999999999\"",
    "\"beat\"",
    "\"snapshot\"",
    "\"update\"",
    "\"delete\"",
    "\"2026-02-29T00:00:00Z\"",
    "\"\\u0031\"",
    "12.5",
    "4294967296",
    "\"0.00000000000000000000000000000000000001\"",
    "\"18446744073709551616\"",
    "\"1.5e3\"",
    "1E+5",
    "[[]]",
    "[{}]",
];

/// One or a few changes to the values.
pub fn damage(tree: &mut Tree, how: &mut Choices) {
    for _ in 0..how.pick(&[1, 1, 1, 2, 4]) {
        let size = tree.size();
        let copied = tree.nth(how.below(size)).clone();
        let node = tree.nth(how.below(size));
        match how.below(10) {
            0..=2 => *node = bare(how.pick(TOKENS)),
            3 => *node = copied,
            4 => {
                for _ in 0..how.pick(&[1, 1, 2, 27, 30, 31, 32, 33, 40]) {
                    let inner = std::mem::replace(node, NULL);
                    let key = how.pick(&["x", "", "b"]).to_string();
                    *node = if how.chance(50) {
                        Tree::List(vec![inner])
                    } else {
                        Tree::Object { members: vec![(key, inner)], fixed: false }
                    };
                }
            }
            5 | 6 => match node {
                Tree::Object { members, .. } if !members.is_empty() => {
                    let at = how.below(members.len());
                    match how.below(4) {
                        0 => drop(members.remove(at)),
                        1 => members.push((members[at].0.clone(), copied)), // a key twice
                        2 => members[at].0 = how.pick(&["", "b", "a", "p", "s", "\u{e9}", "\"", "price"]).into(),
                        _ => members.push((how.pick(&["", "zz", "\u{1F600}", "b\\"]).into(), copied)),
                    }
                }
                Tree::List(items) => match how.below(4) {
                    0 if !items.is_empty() => drop(items.remove(how.below(items.len()))),
                    1 => items.insert(how.below(items.len() + 1), copied),
                    2 => items.insert(how.below(items.len() + 1), NULL),
                    _ => how.shuffle(items),
                },
                other => *other = NULL,
            },
            _ => match node {
                Tree::Text(text) | Tree::Bare(text) if !text.is_empty() => {
                    let mut letters: Vec<char> = text.chars().collect();
                    let at = how.below(letters.len() + 1);
                    let new =
                        how.pick(&['0', '9', '.', 'e', '-', '+', 'E', '"', '\\', '\u{661}', ' ', '\0', '\u{1F600}']);
                    match how.below(3) {
                        0 => letters.insert(at, new),
                        1 => drop(letters.pop()),
                        _ => letters.splice(at.min(letters.len() - 1).., [new]).for_each(drop),
                    }
                    *text = letters.into_iter().collect();
                }
                other => *other = bare(how.pick(TOKENS)),
            },
        }
    }
}
