//! Compression piece by piece: deflate in its three wrappings over zlib-rs, and brotli. A [`Pump`] is fed with input and
//! gives output in chunks of bounded size, so that a small input which unpacks to gigabytes costs no more memory than
//! one that does not.

use brotli::enc::StandardAlloc;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct};
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Compress, Compression, Decompress, DecompressError, FlushCompress, FlushDecompress, Status};

/// The largest chunk of output, in bytes.
const CHUNK_MAX_BYTES: usize = 64 * 1024;

/// The window of gzip, as a power of two: the format's largest.
const GZIP_WINDOW_BITS: u8 = 15;

/// Brotli's quality for streams that are made while somebody waits: its default, 11, is meant for files.
const BROTLI_QUALITY: u32 = 5;

/// The best that deflate and brotli do, at the highest price.
const DEFLATE_LEVEL_MAX: u32 = 9;
const BROTLI_QUALITY_MAX: u32 = 11;

/// What zlib says of data that is no such data.
const ZLIB_REASONS: [&str; 10] = [
    "header crc mismatch",
    "incorrect data check",
    "incorrect header check",
    "incorrect length check",
    "invalid block type",
    "invalid distance too far back",
    "invalid distances set",
    "invalid stored block lengths",
    "invalid window size",
    "unknown compression method",
];

/// What can go wrong while unpacking, in workerd's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CompressionError {
    #[error("Decompression failed.")]
    Corrupt,
    #[error("Called close() on a decompression stream with incomplete data")]
    Incomplete,
    #[error("Trailing bytes after end of compressed data")]
    Trailing,
}

/// A format by its name in the Compression Streams standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Brotli,
    Deflate,
    DeflateRaw,
    Gzip,
}

impl Format {
    /// `None` for a name that is no format.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "brotli" => Self::Brotli,
            "deflate" => Self::Deflate,
            "deflate-raw" => Self::DeflateRaw,
            "gzip" => Self::Gzip,
            _ => return None,
        })
    }
}

/// One step of a codec.
struct Step {
    read: usize,
    written: usize,
    ended: bool,
}

/// What is to become of the input that a packer keeps back to pack it better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Push {
    /// It may wait.
    More,
    /// All of it comes out now.
    Flush,
    /// No input follows.
    Last,
}

/// Turns input into output as far as both reach.
trait Codec {
    fn run(&mut self, input: &[u8], output: &mut [u8], push: Push) -> Result<Step, CompressionError>;

    /// What the codec itself says of data that it could not unpack.
    fn reason(&self) -> Option<&'static str> {
        None
    }
}

/// A codec with the input it has not used yet.
pub(crate) struct Pump {
    codec: Box<dyn Codec>,
    input: Vec<u8>,
    position: usize,
    output: Vec<u8>,
    /// How much of `output` waits to be given.
    filled: usize,
    /// Whether output is only given in full chunks: a packer's first bytes are a head that nobody can use alone.
    holds: bool,
    push: Push,
    ended: bool,
}

impl Pump {
    /// `level` is deflate's, or brotli's quality.
    pub(crate) fn compress(format: Format, level: Option<u32>) -> Self {
        let quality = level.map_or(BROTLI_QUALITY, |level| level.min(BROTLI_QUALITY_MAX));
        let level =
            level.map_or_else(Compression::default, |level| Compression::new(level.min(DEFLATE_LEVEL_MAX)));
        let codec: Box<dyn Codec> = match format {
            Format::Brotli => Box::new(BrotliPack::new(quality)),
            Format::Deflate => Box::new(Compress::new(level, true)),
            Format::DeflateRaw => Box::new(Compress::new(level, false)),
            Format::Gzip => Box::new(Compress::new_gzip(level, GZIP_WINDOW_BITS)),
        };
        Self::new(codec, true)
    }

    pub(crate) fn decompress(format: Format) -> Self {
        let codec: Box<dyn Codec> = match format {
            Format::Brotli => Box::new(BrotliUnpack::new()),
            Format::Deflate => Box::new(Unpack::new(Decompress::new(true))),
            Format::DeflateRaw => Box::new(Unpack::new(Decompress::new(false))),
            Format::Gzip => Box::new(Unpack::new(Decompress::new_gzip(GZIP_WINDOW_BITS))),
        };
        Self::new(codec, false)
    }

    fn new(codec: Box<dyn Codec>, holds: bool) -> Self {
        let (input, output) = (Vec::new(), Vec::new());
        Self { codec, input, position: 0, output, filled: 0, holds, push: Push::More, ended: false }
    }

    /// Gives input. To be called when [`next`](Self::next) has said that it needs some.
    pub(crate) fn feed(&mut self, input: Vec<u8>) {
        self.input = input;
        self.position = 0;
    }

    /// Says that all input has been given.
    pub(crate) fn finish(&mut self) {
        self.push = Push::Last;
    }

    /// Says that all that was given is to come out, though more follows.
    pub(crate) fn flush(&mut self) {
        self.push = Push::Flush;
    }

    /// What has been given and not used.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.input[self.position..]
    }

    /// Whether what was packed has come to its end.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// What the codec itself says of data that it could not unpack.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.codec.reason()
    }

    /// The next chunk of output; `None` when more input is needed, or when all is done.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, CompressionError> {
        self.output.resize(CHUNK_MAX_BYTES, 0);
        while !self.ended {
            let (input, output) = (&self.input[self.position..], &mut self.output[self.filled..]);
            let step = self.codec.run(input, output, self.push)?;
            self.position += step.read;
            self.filled += step.written;
            self.ended = step.ended;
            let is_due = !self.holds || self.ended || self.filled == CHUNK_MAX_BYTES;
            if self.filled > 0 && is_due {
                return Ok(Some(self.take_output()));
            }
            if step.read == 0 && step.written == 0 && !step.ended {
                return self.pause();
            }
        }
        if self.position < self.input.len() { Err(CompressionError::Trailing) } else { Ok(None) }
    }

    /// Without input there is nothing more to do.
    fn pause(&mut self) -> Result<Option<Vec<u8>>, CompressionError> {
        match self.push {
            Push::Last => Err(CompressionError::Incomplete),
            Push::Flush => {
                self.push = Push::More;
                Ok((self.filled > 0).then(|| self.take_output()))
            }
            Push::More => Ok(None),
        }
    }

    fn take_output(&mut self) -> Vec<u8> {
        let filled = std::mem::take(&mut self.filled);
        self.output[..filled].to_vec()
    }
}

impl Codec for Compress {
    fn run(&mut self, input: &[u8], output: &mut [u8], push: Push) -> Result<Step, CompressionError> {
        let (read, written) = (self.total_in(), self.total_out());
        let flush = match push {
            Push::More => FlushCompress::None,
            Push::Flush => FlushCompress::Sync,
            Push::Last => FlushCompress::Finish,
        };
        let status = Self::compress(self, input, output, flush).map_err(|_| CompressionError::Corrupt)?;
        Ok(Step {
            read: (self.total_in() - read) as usize,
            written: (self.total_out() - written) as usize,
            ended: status == Status::StreamEnd,
        })
    }
}

struct Unpack {
    inner: Decompress,
    reason: Option<&'static str>,
}

impl Unpack {
    fn new(inner: Decompress) -> Self {
        Self { inner, reason: None }
    }
}

impl Codec for Unpack {
    fn run(&mut self, input: &[u8], output: &mut [u8], _: Push) -> Result<Step, CompressionError> {
        let (read, written) = (self.inner.total_in(), self.inner.total_out());
        let status = self.inner.decompress(input, output, FlushDecompress::None).map_err(|error| {
            self.reason = reason(&error);
            CompressionError::Corrupt
        })?;
        Ok(Step {
            read: (self.inner.total_in() - read) as usize,
            written: (self.inner.total_out() - written) as usize,
            ended: status == Status::StreamEnd,
        })
    }

    fn reason(&self) -> Option<&'static str> {
        self.reason
    }
}

/// zlib's own words, where they are among those that programs look for.
fn reason(error: &DecompressError) -> Option<&'static str> {
    ZLIB_REASONS.into_iter().find(|known| error.message() == Some(*known))
}

struct BrotliPack(BrotliEncoderStateStruct<StandardAlloc>);

impl BrotliPack {
    fn new(quality: u32) -> Self {
        let mut state = BrotliEncoderStateStruct::new(StandardAlloc::default());
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, quality);
        Self(state)
    }
}

impl Codec for BrotliPack {
    fn run(&mut self, input: &[u8], output: &mut [u8], push: Push) -> Result<Step, CompressionError> {
        let operation = match push {
            Push::More => BrotliEncoderOperation::BROTLI_OPERATION_PROCESS,
            Push::Flush => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
            Push::Last => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
        };
        let (mut input_left, mut read) = (input.len(), 0);
        let (mut output_left, mut written) = (output.len(), 0);
        let worked = self.0.compress_stream(
            operation,
            &mut input_left,
            input,
            &mut read,
            &mut output_left,
            output,
            &mut written,
            &mut None,
            &mut |_, _, _, _| (),
        );
        if !worked {
            return Err(CompressionError::Corrupt);
        }
        Ok(Step { read, written, ended: self.0.is_finished() })
    }
}

struct BrotliUnpack(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>);

impl BrotliUnpack {
    fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self(Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())))
    }
}

impl Codec for BrotliUnpack {
    fn run(&mut self, input: &[u8], output: &mut [u8], _: Push) -> Result<Step, CompressionError> {
        let (mut input_left, mut read) = (input.len(), 0);
        let (mut output_left, mut written) = (output.len(), 0);
        let result = BrotliDecompressStream(
            &mut input_left,
            &mut read,
            input,
            &mut output_left,
            &mut written,
            output,
            &mut 0,
            &mut self.0,
        );
        match result {
            BrotliResult::ResultFailure => Err(CompressionError::Corrupt),
            result => Ok(Step { read, written, ended: matches!(result, BrotliResult::ResultSuccess) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: [Format; 4] = [Format::Brotli, Format::Deflate, Format::DeflateRaw, Format::Gzip];

    /// Everything that comes out when `input` goes in by pieces of this size.
    fn pumped(mut pump: Pump, input: &[u8], piece: usize) -> Result<Vec<u8>, CompressionError> {
        let mut output = Vec::new();
        let mut drain = |pump: &mut Pump| {
            while let Some(chunk) = pump.next()? {
                assert!(chunk.len() <= CHUNK_MAX_BYTES);
                output.extend(chunk);
            }
            Ok(())
        };
        for part in input.chunks(piece) {
            pump.feed(part.to_vec());
            drain(&mut pump)?;
        }
        pump.finish();
        drain(&mut pump)?;
        Ok(output)
    }

    #[test]
    fn what_was_packed_is_unpacked_whatever_the_pieces() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        for format in FORMATS {
            let packed = pumped(Pump::compress(format, None), &text, 30_000).unwrap();
            assert!(packed.len() < text.len(), "{format:?}");
            for piece in [997, packed.len()] {
                assert_eq!(pumped(Pump::decompress(format), &packed, piece), Ok(text.clone()), "{format:?}");
            }
        }
    }

    #[test]
    fn what_was_given_can_be_flushed() {
        for format in FORMATS {
            let mut pump = Pump::compress(format, Some(1));
            let mut unpacked = Pump::decompress(format);
            for text in [&b"first"[..], b"second"] {
                pump.feed(text.to_vec());
                pump.flush();
                let mut packed = Vec::new();
                while let Some(chunk) = pump.next().unwrap() {
                    packed.extend(chunk);
                }
                unpacked.feed(packed);
                assert_eq!(unpacked.next(), Ok(Some(text.to_vec())), "{format:?}");
                assert_eq!(unpacked.next(), Ok(None), "{format:?}");
            }
        }
    }

    #[test]
    fn zlib_says_what_is_wrong() {
        let mut pump = Pump::decompress(Format::Gzip);
        pump.feed(b"no such thing".to_vec());
        assert_eq!(pump.next(), Err(CompressionError::Corrupt));
        assert_eq!(pump.reason(), Some("incorrect header check"));
    }

    #[test]
    fn nothing_at_all_is_packed_too() {
        for format in FORMATS {
            let packed = pumped(Pump::compress(format, None), b"", 1).unwrap();
            assert_eq!(pumped(Pump::decompress(format), &packed, 1), Ok(Vec::new()), "{format:?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_refused() {
        for format in FORMATS {
            let packed = pumped(Pump::compress(format, None), b"some bytes", 100).unwrap();
            let cut = &packed[..packed.len() - 1];
            assert_eq!(pumped(Pump::decompress(format), cut, 100), Err(CompressionError::Incomplete));
            let mut longer = packed;
            longer.push(0);
            assert_eq!(pumped(Pump::decompress(format), &longer, 100), Err(CompressionError::Trailing));
        }
    }

    #[test]
    fn what_is_no_such_format_is_refused() {
        for format in FORMATS {
            let result = pumped(Pump::decompress(format), &[0xff; 40], 40);
            assert_eq!(result, Err(CompressionError::Corrupt), "{format:?}");
        }
    }
}
