//! The cyclic redundancy checks that `DigestStream` offers beside hashes, since object stores ask for them. All three are
//! reflected, begin with all bits set and end inverted; <https://reveng.sourceforge.io/crc-catalogue/all.htm> lists them.

/// One of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Crc32,
    Crc32c,
    Crc64Nvme,
}

/// What each byte adds, for one polynomial.
type Table = [u64; 256];

const CRC32: Table = table(0xedb8_8320);
const CRC32C: Table = table(0x82f6_3b78);
const CRC64_NVME: Table = table(0x9a6c_9329_ac4b_c9b5);

const fn table(polynomial: u64) -> Table {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ polynomial } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// A check that is still being fed.
#[derive(Clone)]
pub(super) struct RunningCheck {
    check: Check,
    register: u64,
}

impl RunningCheck {
    pub(super) fn new(check: Check) -> Self {
        Self { check, register: u64::MAX >> (64 - 8 * check.width()) }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        let table = self.check.table();
        for byte in data {
            let index = (self.register as u8) ^ byte;
            self.register = self.register >> 8 ^ table[usize::from(index)];
        }
    }

    /// The check's value, most significant byte first.
    pub(super) fn finish(self) -> Vec<u8> {
        let width = self.check.width();
        (!self.register).to_be_bytes()[8 - width..].to_vec()
    }
}

impl Check {
    fn table(self) -> &'static Table {
        match self {
            Self::Crc32 => &CRC32,
            Self::Crc32c => &CRC32C,
            Self::Crc64Nvme => &CRC64_NVME,
        }
    }

    /// In bytes.
    fn width(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogues_check_values_come_out() {
        let cases: [(Check, &[u8]); 3] = [
            (Check::Crc32, &[0xcb, 0xf4, 0x39, 0x26]),
            (Check::Crc32c, &[0xe3, 0x06, 0x92, 0x83]),
            (Check::Crc64Nvme, &[0xae, 0x8b, 0x14, 0x86, 0x0a, 0x79, 0x98, 0x88]),
        ];
        for (check, value) in cases {
            let mut running = RunningCheck::new(check);
            running.update(b"12345");
            running.update(b"6789");
            assert_eq!(running.finish(), value, "{check:?}");
        }
    }
}
