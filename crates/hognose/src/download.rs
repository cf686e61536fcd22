//! A model's files from the network, for `hognose ai pull --url`. A file comes whole and, where its checksum is given, as it
//! is meant to be, or not at all.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use hognose_services::ai::HttpResponse;
use hognose_services::next_chunk;
use hognose_supervisor::EngineClient;
use sha2::{Digest, Sha256};

use crate::error::CommandError;

/// How long a server may take for its first byte, and for each next.
const PATIENCE: Duration = Duration::from_mins(1);
/// The largest file, in bytes: a server that never ends must not fill the disk.
const FILE_MAX_BYTES: u64 = 16 << 30;
/// What stands before a checksum in a URL, as `pip` has it.
const CHECKSUM: &str = "#sha256=";

/// A file to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Download {
    /// What it is called here.
    name: String,
    url: String,
    /// Its SHA-256 in hexadecimal, if it is known beforehand.
    checksum: Option<String>,
}

impl Download {
    /// Reads `[NAME=]URL[#sha256=SUM]`; a file without a name is called as at the end of its URL. Only the names of `known`
    /// are of use.
    pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Self, String> {
        let (name, rest) = match text.split_once('=').filter(|(name, _)| !name.contains(['/', ':'])) {
            Some((name, rest)) => (Some(name), rest),
            None => (None, text),
        };
        let (url, checksum) = rest.split_once(CHECKSUM).map_or((rest, None), |(url, sum)| (url, Some(sum)));
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err("expected a URL that begins with https:// or http://".to_owned());
        }
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let name = name.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default());
        if !known.contains(&name) {
            let known = known.join(", ");
            return Err(format!(
                "a model has {known}, not {name:?}: say which it is, as in model.onnx={url}"
            ));
        }
        let is_sum = |sum: &&str| sum.len() == 64 && sum.bytes().all(|digit| digit.is_ascii_hexdigit());
        if checksum.is_some_and(|sum| !is_sum(&sum)) {
            return Err("a SHA-256 has 64 hexadecimal digits".to_owned());
        }
        let checksum = checksum.map(str::to_ascii_lowercase);
        Ok(Self { name: name.to_owned(), url: url.to_owned(), checksum })
    }

    /// Fetches it into a folder.
    pub(crate) async fn fetch(&self, client: &EngineClient, folder: &Path) -> Result<(), CommandError> {
        let response =
            client.get(&self.url, PATIENCE).await.map_err(|error| self.failed(error.to_string()))?;
        if response.status != 200 {
            return Err(self.failed(format!("the server answered with status {}", response.status)));
        }
        let sum = self.write(response, &folder.join(&self.name)).await?;
        match &self.checksum {
            Some(wanted) if *wanted != sum => {
                Err(self
                    .failed(format!("its SHA-256 is {sum}, not {wanted}: it is not the file that was meant")))
            }
            _ => Ok(()),
        }
    }

    /// Writes what comes, and gives its checksum.
    async fn write(&self, response: HttpResponse, path: &Path) -> Result<String, CommandError> {
        let unwritable = |source| CommandError::State { path: path.to_owned(), source };
        let mut progress = Progress::new(&self.name, response.body.length());
        let mut file = File::create(path).map_err(unwritable)?;
        let (mut body, mut hash) = (response.body.into_stream(), Sha256::new());
        while let Some(chunk) = next_chunk(&mut *body).await.map_err(|error| self.failed(error.message))? {
            hash.update(&chunk);
            file.write_all(&chunk).map_err(unwritable)?;
            progress.add(chunk.len() as u64);
            if progress.bytes > FILE_MAX_BYTES {
                return Err(self.failed(format!("it has more than {FILE_MAX_BYTES} bytes")));
            }
        }
        Ok(hexadecimal(&hash.finalize()))
    }

    fn failed(&self, reason: String) -> CommandError {
        CommandError::Download { url: self.url.clone(), reason }
    }
}

/// Bytes as they are written in checksums.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: a string can be written to");
        text
    })
}

/// How much has come, shown in place on a terminal only.
struct Progress<'a> {
    name: &'a str,
    bytes: u64,
    total_bytes: Option<u64>,
    /// In mebibytes, what was shown last.
    shown: Option<u64>,
}

impl<'a> Progress<'a> {
    fn new(name: &'a str, total_bytes: Option<u64>) -> Self {
        let shown = std::io::stderr().is_terminal().then_some(u64::MAX);
        Self { name, bytes: 0, total_bytes, shown }
    }

    fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        let mebibytes = self.bytes >> 20;
        if self.shown.is_none_or(|shown| shown == mebibytes) {
            return;
        }
        self.shown = Some(mebibytes);
        let share = self.total_bytes.map(|total| format!(" of {} MiB", total >> 20)).unwrap_or_default();
        // A reader who has gone is no reason to stop.
        let _ = write!(std::io::stderr(), "\r\x1b[K{}  {mebibytes}{share}", self.name);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<(String, String, bool), String> {
        let Download { name, url, checksum } = Download::parse(text, &["model.onnx", "labels.txt"])?;
        Ok((name, url, checksum.is_some()))
    }

    #[test]
    fn files_are_named_by_their_urls_or_beside_them() {
        let url = "https://a.example/x/model.onnx";
        let found = |name: &str, url: &str, sum| Ok((name.to_owned(), url.to_owned(), sum));
        assert_eq!(parsed(url), found("model.onnx", url, false));
        let asked = format!("{url}?download=true");
        assert_eq!(parsed(&asked), found("model.onnx", &asked, false));
        let quantized = "https://a.example/model_int8.onnx";
        assert_eq!(parsed(&format!("model.onnx={quantized}")), found("model.onnx", quantized, false));
        let sum = "A1".repeat(32);
        assert_eq!(parsed(&format!("{url}#sha256={sum}")), found("model.onnx", url, true));
        assert!(parsed(&format!("{url}#sha256={}", &sum[1..])).is_err());
        assert!(
            parsed(quantized).unwrap_err().contains("say which it is, as in model.onnx=https://a.example")
        );
        assert!(parsed("model.onnx").is_err() && parsed("file:///model.onnx").is_err());
    }
}
