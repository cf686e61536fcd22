//! Calendar dates, as compatibility dates are written.

use std::fmt;

/// A day, `YYYY-MM-DD`, ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Reads `YYYY-MM-DD`. As the Workers runtime does, it takes the years 2000 to 2999 and any day up to 31.
    pub const fn parse(text: &str) -> Option<Self> {
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return None };
        let (Some(century), Some(year)) = (two_digits(y1, y2), two_digits(y3, y4)) else { return None };
        let (Some(month), Some(day)) = (two_digits(m1, m2), two_digits(d1, d2)) else { return None };
        let valid = century >= 20 && century < 30 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
        if valid { Some(Self { year: century as u16 * 100 + year as u16, month, day }) } else { None }
    }

    /// The UTC date at `seconds` after 1970-01-01T00:00:00Z.
    pub fn from_unix_seconds(seconds: u64) -> Self {
        // Counted in 400-year cycles from the first of March of the year 0, so that leap days come last
        // (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        let days = seconds / 86_400 + 719_468;
        let (cycle, day_of_cycle) = (days / 146_097, days % 146_097);
        let year_of_cycle =
            (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
        let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = cycle * 400 + year_of_cycle + u64::from(month <= 2);
        Self { year: year as u16, month: month as u8, day: day as u8 }
    }

    /// Year, month and day.
    pub(crate) fn parts(self) -> (u16, u8, u8) {
        (self.year, self.month, self.day)
    }

    /// A date written in this crate's own tables; a wrong one does not compile.
    pub(crate) const fn literal(text: &str) -> Self {
        match Self::parse(text) {
            Some(date) => date,
            None => panic!("not a date"),
        }
    }
}

const fn two_digits(tens: u8, ones: u8) -> Option<u8> {
    if tens.is_ascii_digit() && ones.is_ascii_digit() {
        Some((tens - b'0') * 10 + (ones - b'0'))
    } else {
        None
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_strictly() {
        for good in ["2000-01-01", "2026-12-31", "2999-02-31"] {
            assert_eq!(Date::parse(good).map(|date| date.to_string()).as_deref(), Some(good));
        }
        for bad in [
            "",
            "2026-1-01",
            "1999-12-31",
            "3000-01-01",
            "2026-13-01",
            "2026-00-01",
            "2026-01-32",
            "2026–01–01",
        ] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_of_the_unix_clock() {
        let day = |text: &str| Date::parse(text).unwrap();
        assert_eq!(Date::from_unix_seconds(951_782_400), day("2000-02-29"));
        assert_eq!(Date::from_unix_seconds(951_868_799), day("2000-02-29"));
        assert_eq!(Date::from_unix_seconds(951_868_800), day("2000-03-01"));
        assert_eq!(Date::from_unix_seconds(1_767_225_599), day("2025-12-31"));
        assert_eq!(Date::from_unix_seconds(1_767_225_600), day("2026-01-01"));
    }
}
