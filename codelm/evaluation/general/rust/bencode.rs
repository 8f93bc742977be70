//! A zero-copy reader for bencode, the format of `.torrent` files.
//!
//! Byte strings are borrowed from the input; nothing is allocated for them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Dict(BTreeMap<&'a [u8], Value<'a>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    UnexpectedEnd,
    UnexpectedByte(u8),
    BadInteger,
    KeysOutOfOrder,
    TooDeep,
    TrailingData,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    pub offset: usize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::UnexpectedEnd => write!(f, "input ends in the middle of a value")?,
            ErrorKind::UnexpectedByte(b) => write!(f, "unexpected byte {:?}", char::from(b))?,
            ErrorKind::BadInteger => f.write_str("malformed integer")?,
            ErrorKind::KeysOutOfOrder => f.write_str("dictionary keys are not sorted")?,
            ErrorKind::TooDeep => write!(f, "nested deeper than {MAX_DEPTH} levels")?,
            ErrorKind::TrailingData => f.write_str("bytes after the end of the value")?,
        }
        write!(f, " at offset {}", self.offset)
    }
}

impl std::error::Error for Error {}

type Result<T> = std::result::Result<T, Error>;

const MAX_DEPTH: usize = 64;

struct Reader<'a> {
    input: &'a [u8],
    pos: usize,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, kind: ErrorKind) -> Result<T> {
        Err(Error { kind, offset: self.pos })
    }

    fn peek(&self) -> Result<u8> {
        match self.input.get(self.pos) {
            Some(&byte) => Ok(byte),
            None => self.fail(ErrorKind::UnexpectedEnd),
        }
    }

    fn take_until(&mut self, stop: u8) -> Result<&'a [u8]> {
        let rest = &self.input[self.pos..];
        let Some(len) = rest.iter().position(|&b| b == stop) else {
            return self.fail(ErrorKind::UnexpectedEnd);
        };
        self.pos += len + 1;
        Ok(&rest[..len])
    }

    fn int(&mut self) -> Result<i64> {
        let start = self.pos;
        self.pos += 1;
        let digits = self.take_until(b'e')?;
        let bad = Error { kind: ErrorKind::BadInteger, offset: start };
        // "i-0e" and "i007e" have no meaning, though `parse` would be glad to give them one
        let unsigned = digits.strip_prefix(b"-").unwrap_or(digits);
        if (unsigned.len() > 1 && unsigned[0] == b'0') || digits == b"-0" || digits.starts_with(b"+") {
            return Err(bad);
        }
        std::str::from_utf8(digits).ok().and_then(|s| s.parse().ok()).ok_or(bad)
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let start = self.pos;
        let len = self.take_until(b':')?;
        let len: usize = std::str::from_utf8(len)
            .ok()
            .and_then(|s| s.parse().ok())
            .ok_or(Error { kind: ErrorKind::BadInteger, offset: start })?;
        let end = self.pos.checked_add(len).filter(|&end| end <= self.input.len());
        match end {
            Some(end) => {
                let found = &self.input[self.pos..end];
                self.pos = end;
                Ok(found)
            }
            None => self.fail(ErrorKind::UnexpectedEnd),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>> {
        if depth > MAX_DEPTH {
            return self.fail(ErrorKind::TooDeep);
        }
        match self.peek()? {
            b'i' => self.int().map(Value::Int),
            b'0'..=b'9' => self.bytes().map(Value::Bytes),
            b'l' => {
                self.pos += 1;
                let mut items = Vec::new();
                while self.peek()? != b'e' {
                    items.push(self.value(depth + 1)?);
                }
                self.pos += 1;
                Ok(Value::List(items))
            }
            b'd' => self.dict(depth),
            other => self.fail(ErrorKind::UnexpectedByte(other)),
        }
    }

    fn dict(&mut self, depth: usize) -> Result<Value<'a>> {
        self.pos += 1;
        let mut entries = BTreeMap::new();
        let mut last: Option<&[u8]> = None;
        while self.peek()? != b'e' {
            let at = self.pos;
            let key = self.bytes()?;
            if last.is_some_and(|last| last >= key) {
                return Err(Error { kind: ErrorKind::KeysOutOfOrder, offset: at });
            }
            last = Some(key);
            entries.insert(key, self.value(depth + 1)?);
        }
        self.pos += 1;
        Ok(Value::Dict(entries))
    }
}

/// Reads exactly one value that fills the whole input.
pub fn decode(input: &[u8]) -> Result<Value<'_>> {
    let mut reader = Reader { input, pos: 0 };
    let value = reader.value(0)?;
    if reader.pos < input.len() {
        return reader.fail(ErrorKind::TrailingData);
    }
    Ok(value)
}

impl<'a> Value<'a> {
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        match self {
            Value::Dict(entries) => entries.get(key.as_bytes()),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<Cow<'a, str>> {
        match *self {
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        }
    }

    pub fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Value::Int(n) => out.extend(format!("i{n}e").into_bytes()),
            Value::Bytes(b) => push_bytes(out, b),
            Value::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.encode_into(out));
                out.push(b'e');
            }
            Value::Dict(entries) => {
                out.push(b'd');
                for (key, value) in entries {
                    push_bytes(out, key);
                    value.encode_into(out);
                }
                out.push(b'e');
            }
        }
    }
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let source = b"d4:infod6:lengthi5120e4:name9:notes.txte5:nodesl3:one3:twoee";
        let value = decode(source).unwrap();
        assert_eq!(value.get("info").and_then(|i| i.get("length")), Some(&Value::Int(5120)));
        let mut back = Vec::new();
        value.encode_into(&mut back);
        assert_eq!(back, source);
    }

    #[test]
    fn refuses_what_has_two_spellings() {
        for bad in ["i-0e", "i03e", "i+3e", "d1:bi1e1:ai2ee"] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(decode(b"5:abc").unwrap_err().kind, ErrorKind::UnexpectedEnd);
    }
}
