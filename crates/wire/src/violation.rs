//! What a peer can do wrong with frames that are well formed. Whoever finds one closes the connection: a cell that
//! breaks the protocol is ended, and a supervisor that does has a bug.

use crate::side::Side;
use crate::value::CapId;

/// What the peer did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A frame that only the other side may send.
    #[error("a {frame} frame came from the {from}, which never sends one")]
    WrongDirection {
        /// The frame's name.
        frame: &'static str,
        /// Who sent it.
        from: Side,
    },
    /// A Durable Object's id is not what ids are.
    #[error("a Durable Object's id is not 64 hexadecimal digits")]
    ObjectId,
    /// Something has more bytes than it may.
    #[error("{what} of {size} bytes is longer than {limit}")]
    TooLong {
        /// What it is.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The most it may have, in bytes.
        limit: usize,
    },
    /// There are more of something than there may be.
    #[error("{count} {what} are more than {limit}")]
    TooMany {
        /// What they are.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Something is empty that may not be.
    #[error("{what} is empty")]
    Empty {
        /// What it is.
        what: &'static str,
    },
    /// A response status that no response has.
    #[error("{status} is no response status")]
    Status {
        /// The status.
        status: u16,
    },
    /// A stream number of the side that does not write the stream.
    #[error("stream {stream} is used as one that the {writer} writes, but its number is not")]
    ForeignStream {
        /// The stream's number.
        stream: u32,
        /// Who would have to write it.
        writer: Side,
    },
    /// A number is given to something new while it still names something else.
    #[error("{what} {number} is open already")]
    InUse {
        /// What it numbers.
        what: &'static str,
        /// The number.
        number: u32,
    },
    /// Nothing goes by this number.
    #[error("there is no open {what} {number}")]
    NotOpen {
        /// What it would number.
        what: &'static str,
        /// The number.
        number: u32,
    },
    /// A capability that was not handed out, or has been given back.
    #[error("capability {} is not hosted here", .0.0)]
    UnknownCap(CapId),
    /// More references were given back than were handed out.
    #[error("{count} references to capability {} are given back, but {held} are held", .cap.0)]
    OverRelease {
        /// The capability.
        cap: CapId,
        /// How many were given back.
        count: u32,
        /// How many were held.
        held: u32,
    },
    /// A promise's number where a capability's is due, or the other way round.
    #[error("capability {} is numbered as a promise where none may stand, or not so where one must", .0.0)]
    MisplacedPromise(CapId),
    /// A call on a capability of the caller's own.
    #[error("a call has the caller's own capability {} as its target", .0.0)]
    OwnTarget(CapId),
    /// Arguments beside a property that is read.
    #[error("a property is read with arguments")]
    ArgumentsOfRead,
    /// More bytes came than credit was granted for.
    #[error("{cost} bytes came on a stream that had credit for {credit}")]
    BeyondCredit {
        /// What came, in credit.
        cost: usize,
        /// What was granted and not used, in bytes.
        credit: u32,
    },
    /// So much credit was granted that it cannot be counted.
    #[error("more credit was granted than can be counted")]
    CreditOverflow,
    /// A WebSocket message has no form that is known.
    #[error("a WebSocket message has no form that is known")]
    MessageForm,
    /// A text message is not UTF-8.
    #[error("a text message is not UTF-8")]
    NotText,
}
