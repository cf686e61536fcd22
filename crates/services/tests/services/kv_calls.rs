//! Each row of Cloudflare's documentation of KV: methods, options, limits at the limit and one past it, error texts.

use bytes::Bytes;
use hognose_services::{CallError, Content, StreamError};
use hognose_wire::kv as wire;

use crate::support::{Fixture, Options, Pieces, START_S};

const VALUE_MAX: usize = 25 << 20;

fn key_of(size: usize) -> String {
    "ä".repeat(size / 2) + &"k".repeat(size % 2)
}

#[test]
fn what_was_put_is_got() {
    let kv = Fixture::new();
    assert_eq!(kv.get("bar"), Ok(None));
    kv.put("bar", b"baz").unwrap();
    assert_eq!(kv.get("bar"), Ok(Some(b"baz".to_vec())));
    kv.put("bar", b"").unwrap();
    assert_eq!(kv.get("bar"), Ok(Some(vec![])), "an empty value is not a missing one");
    kv.delete("bar").unwrap();
    assert_eq!(kv.get("bar"), Ok(None));
    assert_eq!(kv.delete("bar"), Ok(()), "deleting a missing key succeeds");
}

#[test]
fn a_namespace_is_known_by_its_id_alone() {
    let test = Fixture::new();
    let again = crate::support::Cell::new(&test.store, "<YOUR_KV_NAMESPACE_ID>", test.clock.clone());
    let other = crate::support::Cell::new(&test.store, "../../other\0id", test.clock.clone());
    test.put("key", b"value").unwrap();
    assert_eq!(again.get("key"), Ok(Some(b"value".to_vec())));
    assert_eq!(other.get("key"), Ok(None));
    assert_eq!(other.names(""), Vec::<String>::new());
}

#[test]
fn a_put_replaces_metadata_and_expiration() {
    let kv = Fixture::new();
    let options = Options { expiration_ttl_s: Some(60), metadata: Some(r#"{"a":1}"#), ..Options::default() };
    kv.put_with("key", Content::Whole(Bytes::from_static(b"1")), options).unwrap();
    assert_eq!(kv.get_with("key", None), Ok(Some((b"1".to_vec(), Some(r#"{"a":1}"#.to_owned())))));
    let listed = ("key".to_owned(), Some(START_S + 60), Some(r#"{"a":1}"#.to_owned()));
    assert_eq!(kv.list("", None, None), Ok((vec![listed], None)));
    kv.put("key", b"2").unwrap();
    assert_eq!(kv.get_with("key", None), Ok(Some((b"2".to_vec(), None))));
    assert_eq!(kv.list("", None, None), Ok((vec![("key".to_owned(), None, None)], None)));
}

#[test]
fn keys_are_at_most_512_bytes() {
    let kv = Fixture::new();
    let (longest, longer) = (key_of(512), key_of(513));
    kv.put(&longest, b"value").unwrap();
    assert_eq!(kv.get(&longest), Ok(Some(b"value".to_vec())));
    kv.delete(&longest).unwrap();
    let text = "414 UTF-8 encoded length of 513 exceeds key length limit of 512.";
    assert_eq!(kv.put(&longer, b""), Err(format!("Error: KV PUT failed: {text}")));
    assert_eq!(kv.get(&longer), Err(format!("Error: KV GET failed: {text}")));
    assert_eq!(kv.delete(&longer), Err(format!("Error: KV DELETE failed: {text}")));
    assert_eq!(kv.get_bulk(&[&longer], "text"), Err(format!("Error: KV GET_BULK failed: {text}")));
    assert_eq!(kv.list(&longest, None, None), Ok((vec![], None)));
    assert_eq!(kv.list(&longer, None, None), Err(format!("Error: KV GET failed: {text}")));
}

#[test]
fn keys_that_are_no_names_are_refused() {
    let kv = Fixture::new();
    assert_eq!(kv.put("", b""), Err("Error: KV PUT failed: 400 Key names must not be empty".into()));
    let text = |key| format!("400 Illegal key name \"{key}\". Please use a different name.");
    assert_eq!(kv.get("."), Err(format!("Error: KV GET failed: {}", text("."))));
    assert_eq!(kv.get_bulk(&["a", ".."], "text"), Err(format!("Error: KV GET_BULK failed: {}", text(".."))));
    kv.put("...", b"").unwrap();
}

#[test]
fn whole_values_are_at_most_25_mib() {
    let kv = Fixture::new();
    kv.put("key", &vec![1; VALUE_MAX]).unwrap();
    let text = "Error: KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.";
    assert_eq!(kv.put("key", &vec![2; VALUE_MAX + 1]), Err(text.into()));
    assert_eq!(kv.get("key"), Ok(Some(vec![1; VALUE_MAX])), "what was there stays");
}

#[test]
fn streamed_values_are_at_most_25_mib() {
    let kv = Fixture::new();
    kv.put_with("key", Pieces::of_size(VALUE_MAX), Options::default()).unwrap();
    assert_eq!(kv.get("key").unwrap().unwrap().len(), VALUE_MAX);
    let text = "Error: KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.";
    assert_eq!(kv.put_with("new", Pieces::of_size(VALUE_MAX + 1), Options::default()), Err(text.into()));
    assert_eq!(kv.get("new"), Ok(None));
    let far_beyond = kv.put_with("new", Pieces::of_size(VALUE_MAX + (3 << 20)), Options::default());
    let text = "Error: KV PUT failed: 413 Value length of 29360128 exceeds limit of 26214400.";
    assert_eq!(far_beyond, Err(text.into()), "the whole length is named");
}

#[test]
fn a_stream_that_breaks_off_stores_nothing() {
    let kv = Fixture::new();
    kv.put("key", b"before").unwrap();
    let broken = StreamError { name: "TypeError".to_owned(), message: "gone".to_owned() };
    let pieces = Pieces(vec![Err(broken), Ok(Bytes::from(vec![1; 2 << 20]))]);
    assert_eq!(kv.put_with("key", pieces.into(), Options::default()), Err("TypeError: gone".into()));
    assert_eq!(kv.get("key"), Ok(Some(b"before".to_vec())));
}

#[test]
fn values_of_every_size_come_back_whole() {
    let kv = Fixture::new();
    for size in [1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 1 << 20, (1 << 20) + 1, 3_000_000] {
        let value: Vec<u8> = (0..size).map(|index: usize| (index % 251) as u8).collect();
        kv.put("whole", &value).unwrap();
        assert_eq!(kv.get("whole"), Ok(Some(value.clone())), "{size} bytes");
        let pieces = value.chunks(50_001).rev().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        kv.put_with("streamed", Pieces(pieces).into(), Options::default()).unwrap();
        assert_eq!(kv.get("streamed"), Ok(Some(value)), "{size} bytes in pieces");
    }
}

#[test]
fn metadata_is_at_most_1024_bytes_of_json() {
    let kv = Fixture::new();
    let put = |metadata: &str| {
        let options = Options { metadata: Some(metadata), ..Options::default() };
        kv.put_with("key", Content::Whole(Bytes::new()), options)
    };
    let json = |size: usize| format!("\"{}\"", "m".repeat(size - 2));
    put(&json(1024)).unwrap();
    let text = "Error: KV PUT failed: 413 Metadata length of 1025 exceeds limit of 1024.";
    assert_eq!(put(&json(1025)), Err(text.into()));
    assert_eq!(put("{"), Err("Error: KV PUT failed: 400 Metadata must be valid JSON".into()));
    assert_eq!(kv.get_with("key", None), Ok(Some((vec![], Some(json(1024))))));
}

#[test]
fn a_time_to_live_is_at_least_60_seconds() {
    let kv = Fixture::new();
    let put = |ttl| {
        let options = Options { expiration_ttl_s: Some(ttl), ..Options::default() };
        kv.put_with("key", Content::Whole(Bytes::new()), options)
    };
    let invalid =
        |ttl, rule| Err(format!("Error: KV PUT failed: 400 Invalid expiration_ttl of {ttl}. {rule}"));
    assert_eq!(put(-1), invalid(-1, "Please specify integer greater than 0."));
    assert_eq!(put(0), invalid(0, "Please specify integer greater than 0."));
    assert_eq!(put(1), invalid(1, "Expiration TTL must be at least 60."));
    assert_eq!(put(59), invalid(59, "Expiration TTL must be at least 60."));
    assert_eq!(put(60), Ok(()));
    assert_eq!(put(i64::MAX), Ok(()));
}

#[test]
fn an_expiration_is_at_least_60_seconds_ahead() {
    let kv = Fixture::new();
    let put = |at| {
        let options = Options { expiration_s: Some(at), ..Options::default() };
        kv.put_with("key", Content::Whole(Bytes::new()), options)
    };
    let invalid = |at, rule| Err(format!("Error: KV PUT failed: 400 Invalid expiration of {at}. {rule}"));
    let past = "Please specify integer greater than the current number of seconds since the UNIX epoch.";
    let near = "Expiration times must be at least 60 seconds in the future.";
    assert_eq!(put(i64::MIN), invalid(i64::MIN, past));
    assert_eq!(put(START_S), invalid(START_S, past));
    assert_eq!(put(START_S + 1), invalid(START_S + 1, near));
    assert_eq!(put(START_S + 59), invalid(START_S + 59, near));
    assert_eq!(put(START_S + 60), Ok(()));
}

#[test]
fn a_time_to_live_wins_over_an_expiration() {
    let kv = Fixture::new();
    let options = Options { expiration_s: Some(1), expiration_ttl_s: Some(100), metadata: None };
    kv.put_with("key", Content::Whole(Bytes::new()), options).unwrap();
    assert_eq!(kv.list("", None, None).unwrap().0[0].1, Some(START_S + 100));
}

#[test]
fn an_entry_is_gone_from_its_second_of_expiration_on() {
    let test = Fixture::new();
    let options = Options { expiration_ttl_s: Some(60), ..Options::default() };
    test.put_with("key", Content::Whole(Bytes::new()), options).unwrap();
    test.clock.advance(59);
    assert_eq!(test.get("key"), Ok(Some(vec![])));
    assert_eq!(test.names(""), ["key"]);
    test.clock.advance(1);
    assert_eq!(test.get("key"), Ok(None));
    assert_eq!(test.get_bulk(&["key"], "text"), Ok(vec![("key".to_owned(), None)]));
    assert_eq!(test.names(""), Vec::<String>::new());
}

#[test]
fn a_cache_ttl_is_at_least_30_seconds() {
    let kv = Fixture::new();
    assert_eq!(kv.get_with("key", Some(30)), Ok(None));
    let text = "Error: KV GET failed: 400 Invalid cache_ttl of 29. Cache TTL must be at least 30.";
    assert_eq!(kv.get_with("key", Some(29)), Err(text.into()));
}

#[test]
fn a_bulk_get_answers_every_key_once_in_order() {
    let kv = Fixture::new();
    kv.put("a", b"1").unwrap();
    kv.put("b", b"\xff").unwrap();
    let found = |key: &str, text: &str| (key.to_owned(), Some(text.to_owned()));
    let expected = vec![found("b", "\u{fffd}"), ("missing".to_owned(), None), found("a", "1")];
    assert_eq!(kv.get_bulk(&["b", "missing", "a", "b"], "text"), Ok(expected));
}

#[test]
fn a_bulk_get_takes_1_to_100_keys() {
    let kv = Fixture::new();
    let failed = |text| Err(format!("Error: KV GET_BULK failed: 400 {text}"));
    assert_eq!(kv.get_bulk(&[], "text"), failed("You must request a minimum of 1 key"));
    let keys: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(kv.get_bulk(&keys[..100], "text").unwrap().len(), 100);
    assert_eq!(kv.get_bulk(&keys, "text"), failed("You can request a maximum of 100 keys"));
}

#[test]
fn a_bulk_get_knows_text_and_json() {
    let kv = Fixture::new();
    let failed = |text: &str| Err(format!("Error: KV GET_BULK failed: 400 {text}"));
    let wrong = r#""arrayBuffer" is not a valid type. Use "json" or "text""#;
    assert_eq!(kv.get_bulk(&["key"], "arrayBuffer"), failed(wrong));
    kv.put("json", br#" {"a": [1e999, "\ud800", null]} "#).unwrap();
    assert!(kv.get_bulk(&["json", "missing"], "json").is_ok());
    let text = "At least one of the requested keys corresponds to a non-json value";
    for value in ["", "{", "1 2", "undefined"] {
        kv.put("text", value.as_bytes()).unwrap();
        assert_eq!(kv.get_bulk(&["json", "text"], "json"), failed(text), "{value:?}");
    }
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    kv.put("deep", deep.as_bytes()).unwrap();
    assert!(kv.get_bulk(&["deep"], "json").is_ok(), "depth is no reason to refuse");
}

#[test]
fn a_bulk_get_gives_at_most_25_mib() {
    let kv = Fixture::new();
    kv.put("most", &vec![b'x'; VALUE_MAX - 1]).unwrap();
    kv.put("one", b"x").unwrap();
    kv.put("two", b"xx").unwrap();
    assert!(kv.get_bulk(&["most", "one"], "text").is_ok());
    let text = "Error: KV GET_BULK failed: 413 Total size of request exceeds the limit of 25MB";
    assert_eq!(kv.get_bulk(&["most", "two"], "text"), Err(text.into()));
    assert_eq!(kv.get_bulk(&["two", "most"], "text"), Err(text.into()));
    kv.put("binary", &vec![0xff; VALUE_MAX / 3 + 1]).unwrap();
    assert_eq!(kv.get_bulk(&["binary"], "text"), Err(text.into()), "what counts is the text");
}

#[test]
fn a_list_comes_in_pages_of_at_most_1000() {
    let kv = Fixture::new();
    let put = |number: i32| kv.put(&format!("{number:04}"), b"").unwrap();
    (0..1000).for_each(put);
    assert_eq!(kv.list("", None, None).unwrap().1, None, "1000 keys are one page");
    put(1000);
    for limit in [None, Some(1000), Some(0), Some(-1)] {
        let (keys, cursor) = kv.list("", limit, None).unwrap();
        assert_eq!((keys.len(), keys[999].0.as_str()), (1000, "0999"));
        let (keys, cursor) = kv.list("", limit, cursor.as_deref()).unwrap();
        assert_eq!((keys.len(), keys[0].0.as_str(), cursor), (1, "1000", None));
    }
    let text = "400 Invalid key_count_limit of 1001. Please specify an integer less than 1000.";
    assert_eq!(kv.list("", Some(1001), None), Err(format!("Error: KV GET failed: {text}")));
}

#[test]
fn a_cursor_is_the_last_key_in_base64() {
    let kv = Fixture::new();
    for key in ["a", "a/1", "a/2", "b"] {
        kv.put(key, b"").unwrap();
    }
    let (_, cursor) = kv.list("a", Some(1), None).unwrap();
    assert_eq!(cursor.as_deref(), Some("YQ=="));
    kv.delete("a").unwrap();
    let (keys, cursor) = kv.list("a", Some(2), cursor.as_deref()).unwrap();
    assert_eq!(keys.iter().map(|key| &key.0).collect::<Vec<_>>(), ["a/1", "a/2"]);
    assert_eq!(cursor, None);
    for invalid in ["*", "YQ", "/w=="] {
        let text = "Error: KV GET failed: 400 Invalid cursor.";
        assert_eq!(kv.list("", None, Some(invalid)), Err(text.into()), "{invalid}");
    }
}

#[test]
fn what_is_not_in_the_vocabulary_is_a_violation() {
    let kv = Fixture::new();
    let put = wire::Put { key: "key", expiration_s: None, expiration_ttl_s: None, metadata: None };
    let body = || Content::Whole(Bytes::new());
    for (method, bodies) in
        [("drop", vec![]), ("put", vec![]), ("put", vec![body(), body()]), ("list", vec![])]
    {
        let result = kv.call(method, &put, bodies);
        assert!(matches!(result, Err(CallError::Violation(_))), "{method}: {result:?}");
    }
    let result = kv.call("get", &(wire::Get { key: "key", cache_ttl_s: None }, 0_u8), vec![]);
    assert!(matches!(result, Err(CallError::Violation(_))), "bytes left over: {result:?}");
}
