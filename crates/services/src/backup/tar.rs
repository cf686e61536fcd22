//! The little of the tar format that backups use: regular files, with pax records for what does not fit the old header
//! (POSIX.1-2017, pax, "pax Interchange Format"). Any `tar` reads what is written here.

use std::io::{self, Read, Write};

const BLOCK: usize = 512;
/// The largest size that the old header can say, in eleven octal digits.
const SIZE_MAX: u64 = 0o777_7777_7777;
/// The longest name that the old header can hold.
const NAME_MAX: usize = 100;
/// The longest pax header that is read: names are no longer than the system's paths.
const RECORDS_MAX: u64 = 64 << 10;

const REGULAR: u8 = b'0';
const EXTENDED: u8 = b'x';

/// What an archive says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: String,
    /// Permissions.
    pub(super) mode: u32,
    /// In bytes.
    pub(super) size: u64,
}

/// Writes what stands before a file's content.
pub(super) fn write_header(out: &mut dyn Write, header: &Header) -> io::Result<()> {
    let mut records = String::new();
    if header.name.len() > NAME_MAX || !header.name.is_ascii() {
        records += &record("path", &header.name);
    }
    if header.size > SIZE_MAX {
        records += &record("size", &header.size.to_string());
    }
    if !records.is_empty() {
        out.write_all(&block("pax", 0o600, records.len() as u64, EXTENDED))?;
        out.write_all(records.as_bytes())?;
        write_padding(out, records.len() as u64)?;
    }
    let ascii: String = header.name.chars().filter(char::is_ascii).take(NAME_MAX).collect();
    out.write_all(&block(&ascii, header.mode, header.size.min(SIZE_MAX), REGULAR))
}

/// Fills the last block of a content of `size` bytes.
pub(super) fn write_padding(out: &mut dyn Write, size: u64) -> io::Result<()> {
    out.write_all(&[0; BLOCK][..padding(size)])
}

/// Ends an archive.
pub(super) fn write_end(out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

/// Reads what stands before the next file's content; `None` at the end.
pub(super) fn read_header(input: &mut dyn Read) -> io::Result<Option<Header>> {
    let (mut path, mut size) = (None, None);
    loop {
        let mut block = [0; BLOCK];
        input.read_exact(&mut block)?;
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let (header, kind) = parse(&block).ok_or_else(|| invalid("it is no tar archive"))?;
        match kind {
            EXTENDED if header.size <= RECORDS_MAX => {
                let mut records = vec![0; header.size as usize];
                input.read_exact(&mut records)?;
                read_padding(input, header.size)?;
                for (name, value) in parse_records(&records).ok_or_else(|| invalid("it has a bad header"))? {
                    match name {
                        "path" => path = Some(value.to_owned()),
                        "size" => size = value.parse().ok(),
                        _ => {}
                    }
                }
            }
            REGULAR => {
                let (name, size) = (path.unwrap_or(header.name), size.unwrap_or(header.size));
                return Ok(Some(Header { name, size, ..header }));
            }
            _ => return Err(invalid(&format!("`{}` is no regular file", header.name.escape_debug()))),
        }
    }
}

/// Passes over what fills the last block of a content of `size` bytes.
pub(super) fn read_padding(input: &mut dyn Read, size: u64) -> io::Result<()> {
    input.read_exact(&mut [0; BLOCK][..padding(size)])
}

fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A pax record, whose length counts its own digits.
fn record(name: &str, value: &str) -> String {
    let rest = format!(" {name}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}")
}

fn parse_records(mut bytes: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
        let text = std::str::from_utf8(bytes.get(space + 1..length)?).ok()?;
        records.push(text.strip_suffix('\n')?.split_once('=')?);
        bytes = &bytes[length..];
    }
    Some(records)
}

/// Where the fields of the old header lie.
mod field {
    use std::ops::Range;

    pub(super) const NAME: Range<usize> = 0..100;
    pub(super) const MODE: Range<usize> = 100..108;
    pub(super) const NUMBERS: [Range<usize>; 3] = [108..116, 116..124, 136..148];
    pub(super) const SIZE: Range<usize> = 124..136;
    pub(super) const SUM: Range<usize> = 148..156;
    pub(super) const KIND: usize = 156;
    pub(super) const MAGIC: Range<usize> = 257..265;
}

fn block(name: &str, mode: u32, size: u64, kind: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: std::ops::Range<usize>, text: &str| {
        block[at.start..at.start + text.len()].copy_from_slice(text.as_bytes());
    };
    put(field::NAME, name);
    put(field::MODE, &format!("{mode:07o}"));
    for at in field::NUMBERS {
        put(at.clone(), &"0".repeat(at.len() - 1));
    }
    put(field::SIZE, &format!("{size:011o}"));
    put(field::MAGIC, "ustar\u{0}00");
    block[field::KIND] = kind;
    let sum = format!("{:06o}\0 ", sum(&block));
    block[field::SUM].copy_from_slice(sum.as_bytes());
    block
}

/// The sum of all bytes, that of the sum itself taken for blanks.
fn sum(block: &[u8; BLOCK]) -> u32 {
    let counted =
        |(at, byte): (usize, &u8)| if field::SUM.contains(&at) { u32::from(b' ') } else { u32::from(*byte) };
    block.iter().enumerate().map(counted).sum()
}

fn parse(block: &[u8; BLOCK]) -> Option<(Header, u8)> {
    let text = |at: std::ops::Range<usize>| {
        let bytes = &block[at];
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        std::str::from_utf8(&bytes[..end]).ok().map(str::trim)
    };
    let octal = |at| u64::from_str_radix(text(at)?, 8).ok();
    if octal(field::SUM)? != u64::from(sum(block)) {
        return None;
    }
    let mode = u32::try_from(octal(field::MODE)?).ok()?;
    let header = Header { name: text(field::NAME)?.to_owned(), mode, size: octal(field::SIZE)? };
    Some((header, block[field::KIND]))
}

#[cfg(test)]
mod tests {
    use super::{Header, NAME_MAX, SIZE_MAX, read_header, write_header};

    fn there_and_back(name: String, size: u64) {
        let header = Header { name, mode: 0o640, size };
        let mut bytes = Vec::new();
        write_header(&mut bytes, &header).unwrap();
        assert_eq!(bytes.len() % 512, 0);
        assert_eq!(read_header(&mut &bytes[..]).unwrap(), Some(header));
    }

    #[test]
    fn names_and_sizes_come_back_at_the_old_headers_limits_and_past_them() {
        for length in [1, NAME_MAX, NAME_MAX + 1, 3000] {
            there_and_back("n".repeat(length), 0);
        }
        there_and_back("ä".to_owned(), 511);
        for size in [SIZE_MAX, SIZE_MAX + 1, 5 << 40] {
            there_and_back("n".to_owned(), size);
        }
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        assert!(read_header(&mut &[7; 512][..]).is_err());
        assert!(read_header(&mut &[0; 100][..]).is_err());
        assert_eq!(read_header(&mut &[0; 512][..]).unwrap(), None);
    }
}
