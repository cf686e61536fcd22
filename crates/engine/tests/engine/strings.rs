//! Text and numbers across the border.

use hognose_engine::Value;

use crate::start;

#[test]
fn text_survives_the_round_trip() {
    let context = start();
    for text in ["", "ascii", "é", "日本語", "🐍 snake", "a\0b"] {
        assert_eq!(context.string(text).unwrap().as_string().unwrap(), text);
    }
}

#[test]
fn lone_surrogates_are_kept_in_utf16_and_marked_in_utf8() {
    let context = start();
    let units = [0x61, 0xD83D, 0x62, 0xDE00];
    let text = context.string_utf16(&units).unwrap();
    assert_eq!(text.to_utf16().unwrap(), units);
    assert_eq!(text.as_string().unwrap(), "a\u{FFFD}b\u{FFFD}");
}

#[test]
fn as_takes_only_what_it_is_and_to_converts() {
    let context = start();
    let text = context.string("7").unwrap();
    assert_eq!((text.as_f64(), text.as_bool(), text.as_bigint()), (None, None, None));
    assert!((text.to_number().unwrap() - 7.0).abs() < f64::EPSILON);
    assert_eq!(context.number(7).as_string(), None);
    assert_eq!(context.number(7).to_js_string().unwrap(), "7");
    assert!(context.eval("Symbol()", "s.js").unwrap().to_js_string().is_err());
}

#[test]
fn whole_numbers_are_told_from_others() {
    let context = start();
    let whole = |source| context.eval(source, "n.js").unwrap().as_i32();
    assert_eq!(whole("2147483647"), Some(i32::MAX));
    assert_eq!(whole("2147483648"), None);
    assert_eq!(whole("-2147483648"), Some(i32::MIN));
    assert_eq!((whole("1.5"), whole("NaN"), whole("1e300")), (None, None, None));
    assert_eq!((whole("4.0"), whole("-0")), (Some(4), Some(0)));
}

#[test]
fn big_integers_fit_or_do_not() {
    let context = start();
    let big = |source| context.eval(source, "n.js").unwrap().as_bigint();
    assert_eq!(big("2n ** 63n - 1n"), Some(i64::MAX));
    assert_eq!(big("2n ** 63n"), None);
    assert_eq!(big("-(2n ** 63n)"), Some(i64::MIN));
    assert_eq!(context.bigint(i64::MIN).unwrap().to_js_string().unwrap(), i64::MIN.to_string());
}

#[test]
fn json_goes_both_ways() {
    let context = start();
    let value = context.json_parse(r#"{"a": [1, "é", null]}"#, "data.json").unwrap();
    assert_eq!(context.json_stringify(&value).unwrap().unwrap(), r#"{"a":[1,"é",null]}"#);
    assert_eq!(context.json_stringify(&context.undefined()).unwrap(), None);
    assert!(context.json_parse("{", "data.json").unwrap_err().to_string().starts_with("SyntaxError"));
}

#[test]
fn a_value_is_three_words() {
    assert_eq!(size_of::<Value>(), 24);
}
