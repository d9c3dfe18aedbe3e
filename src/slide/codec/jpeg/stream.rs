//! The marker structure of a JPEG stream: what must stand where, checked before any pixel is decoded.
//!
//! Scans are decoded on the way. Invariant: a stream that is accepted has one frame header of a sequential process, each
//! scan ends at a marker that may stand there, restart markers count up, every channel has its data, and the end marker
//! is present. So a stream that was cut, or has a hole, is never accepted. Application data are not looked at.

use super::planes::Planes;
use super::scan::ScanState;
use crate::error::{Error, ErrorKind};

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// A component of a frame: its name, its sampling factors (1 to 4) and its quantisation table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) id: u8,
    pub(super) h: u8,
    pub(super) v: u8,
    pub(super) quantiser: u8,
}

/// What the frame header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// True when the components are named `R`, `G`, `B`.
    pub(super) fn is_named_rgb(&self) -> bool {
        self.components.iter().map(|component| component.id).eq(*b"RGB")
    }

    /// The largest sampling factors, across and down.
    pub(super) fn max_sampling(&self) -> (usize, usize) {
        let max = |of: fn(&Component) -> u8| usize::from(self.components.iter().map(of).max().unwrap_or(1));
        (max(|component| component.h), max(|component| component.v))
    }
}

/// Reads the value of the tag `JPEGTables`: a stream of tables only.
///
/// # Errors
/// A text that says what is wrong.
pub(super) fn read_tables(value: &[u8]) -> Result<ScanState, String> {
    let mut rest = Cursor { bytes: value, at: 0 };
    let mut state = ScanState::default();
    rest.start()?;
    while rest.at < value.len() {
        match rest.marker()? {
            END => break,
            marker if is_table(marker) => state.define(rest.segment()?)?,
            marker if is_comment(marker) => drop(rest.segment()?),
            marker => return Err(format!("marker ff{marker:02x} among the tables")),
        }
    }
    Ok(state)
}

/// Why a stream was not accepted.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is damaged, and how.
    Damaged(String),
    /// It is another image than the one asked for, or of a kind that is not read.
    Frame(Error),
}

impl From<String> for Refusal {
    fn from(how: String) -> Self {
        Self::Damaged(how)
    }
}

/// Decodes the channels of a chunk's stream, which goes on from `tables`.
///
/// `accept` judges the frame header before anything that depends on it is done.
///
/// # Errors
/// What is wrong with the stream, or the error of `accept`.
pub(super) fn read(
    stream: &[u8],
    tables: &ScanState,
    accept: impl Fn(&Frame) -> Result<(), Error>,
) -> Result<Planes, Refusal> {
    let mut rest = Cursor { bytes: stream, at: 0 };
    let mut state = tables.clone();
    let mut picture: Option<(Frame, Planes)> = None;
    rest.start()?;
    loop {
        match (rest.marker()?, &mut picture) {
            (END, Some(_)) => break,
            (SCAN, Some((frame, planes))) => {
                let header = rest.segment()?;
                let data = rest.scan(state.restart_interval > 0)?;
                state.decode(frame, header, data, planes)?;
            }
            (0xc0 | 0xc1, None) => {
                let frame = frame_header(rest.segment()?)?;
                accept(&frame).map_err(Refusal::Frame)?;
                let planes = Planes::new(&frame)?;
                picture = Some((frame, planes));
            }
            (marker, _) if is_table(marker) => state.define(rest.segment()?)?,
            (marker, _) if is_comment(marker) => drop(rest.segment()?),
            (process @ 0xc2..=0xcf, None) => return Err(Refusal::Frame(not_read(process))),
            (marker, _) => return Err(format!("marker ff{marker:02x} where it must not stand").into()),
        }
    }
    let Some((_, planes)) = picture else { return Err("no frame header".to_string().into()) };
    match planes.first_empty() {
        None => Ok(planes),
        Some(channel) => Err(format!("channel {channel} without data").into()),
    }
}

/// The error of a coding process that is not read (T.81 table B.1).
fn not_read(process: u8) -> Error {
    let name = match process {
        0xc2 => "progressive",
        0xc3 => "lossless",
        0xc5..=0xc7 => "hierarchical",
        _ => "arithmetic or reserved",
    };
    let message =
        format!("{name} JPEG (marker ff{process:02x}) is not read yet, only baseline and extended sequential is");
    Error::new(ErrorKind::Unsupported, "WSI-0305", message)
        .with_advice("convert the slide to a pyramid of baseline JPEG, for example with vips or bfconvert")
}

/// Quantisation tables, Huffman tables, restart interval.
fn is_table(marker: u8) -> bool {
    matches!(marker, 0xc4 | 0xdb | 0xdd)
}

/// Application data and comments.
fn is_comment(marker: u8) -> bool {
    matches!(marker, 0xe0..=0xef | 0xfe)
}

/// What a stream that stands alone says of its colours, and its frame.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) frame: Frame,
    /// It has the segment of JFIF, whose colours are grey or YCbCr.
    pub(super) is_jfif: bool,
    /// The transform in Adobe's segment, if there is one.
    pub(super) adobe: Option<u8>,
}

/// Reads what stands before the first scan.
///
/// # Errors
/// What is wrong with it.
pub(super) fn head(stream: &[u8]) -> Result<Head, Refusal> {
    let mut rest = Cursor { bytes: stream, at: 0 };
    let (mut picture, mut is_jfif, mut adobe) = (None, false, None);
    rest.start()?;
    loop {
        let marker = rest.marker()?;
        if matches!(marker, 0x01 | 0xd0..=START | END) {
            return Err(format!("marker ff{marker:02x} where it must not stand").into());
        }
        let segment = rest.segment()?;
        let body = segment.get(4..).unwrap_or_default();
        match marker {
            SCAN => break,
            0xc0 | 0xc1 => picture = Some(frame_header(segment)?),
            process @ 0xc2..=0xcf if !is_table(process) => return Err(Refusal::Frame(not_read(process))),
            0xe0 => is_jfif |= body.starts_with(b"JFIF\0"),
            0xee if body.starts_with(b"Adobe") => adobe = body.get(11).copied().or(adobe),
            _ => {}
        }
    }
    let frame = picture.ok_or_else(|| "a scan without a frame header".to_string())?;
    Ok(Head { frame, is_jfif, adobe })
}

fn frame_header(segment: &[u8]) -> Result<Frame, String> {
    let [_, _, _, _, precision, h1, h0, w1, w0, count, components @ ..] = segment else {
        return Err("a frame header that is cut".to_string());
    };
    if *precision != 8 {
        return Err(format!("{precision} bits a sample"));
    }
    if components.len() != 3 * usize::from(*count) {
        return Err("a frame header of a wrong length".to_string());
    }
    let component = |part: &[u8; 3]| Component { id: part[0], h: part[1] >> 4, v: part[1] & 15, quantiser: part[2] };
    let components: Vec<Component> = components.as_chunks::<3>().0.iter().map(component).collect();
    if components.iter().any(|component| !(1..=4).contains(&component.h) || !(1..=4).contains(&component.v)) {
        return Err("sampling factors outside 1 to 4".to_string());
    }
    Ok(Frame { width: u16::from_be_bytes([*w1, *w0]), height: u16::from_be_bytes([*h1, *h0]), components })
}

/// A position in a stream.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn start(&mut self) -> Result<(), String> {
        match self.bytes {
            [0xff, START, ..] => {
                self.at = 2;
                Ok(())
            }
            [a, b, ..] => Err(format!("expected a JPEG stream (ffd8), found {a:02x}{b:02x}")),
            _ => Err(format!("expected a JPEG stream, found {} bytes", self.bytes.len())),
        }
    }

    /// Reads a marker's code; fill bytes before it are allowed.
    fn marker(&mut self) -> Result<u8, String> {
        let mut byte = self.byte()?;
        if byte != 0xff {
            return Err(format!("byte {byte:02x} where a marker must stand"));
        }
        while byte == 0xff {
            byte = self.byte()?;
        }
        Ok(byte)
    }

    fn byte(&mut self) -> Result<u8, String> {
        let byte = *self.bytes.get(self.at).ok_or("the stream is cut")?;
        self.at += 1;
        Ok(byte)
    }

    /// The segment whose marker was just read, from its marker on.
    fn segment(&mut self) -> Result<&'a [u8], String> {
        let from = self.at.saturating_sub(2);
        let len = u16::from_be_bytes([self.byte()?, self.byte()?]);
        if len < 2 {
            return Err(format!("a segment of {len} bytes"));
        }
        self.at += usize::from(len) - 2;
        self.bytes.get(from..self.at).ok_or_else(|| "the stream is cut".to_string())
    }

    /// The entropy-coded data of a scan, up to the marker that ends it; fill bytes before that are no data.
    fn scan(&mut self, restarts: bool) -> Result<&'a [u8], String> {
        let from = self.at;
        let mut restart = 0;
        loop {
            let ahead = self.bytes.get(self.at..).unwrap_or_default();
            let skip = ahead.iter().position(|&byte| byte == 0xff).ok_or("the stream is cut within a scan")?;
            let run = ahead.get(skip..).unwrap_or_default().iter().take_while(|&&byte| byte == 0xff).count();
            let end = self.at + skip;
            self.at = end + run + 1;
            match ahead.get(skip + run) {
                Some(0) if run == 1 => {}
                Some(0) => return Err(format!("{run} bytes ff before a zero, where a marker must stand")),
                Some(&marker @ 0xd0..=0xd7) => {
                    if !restarts || marker != 0xd0 + restart {
                        return Err(format!("restart marker ff{marker:02x} where it must not stand"));
                    }
                    restart = (restart + 1) % 8;
                }
                Some(_) => {
                    self.at = end;
                    return Ok(self.bytes.get(from..end).unwrap_or_default());
                }
                None => return Err("the stream is cut within a scan".to_string()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One component of 32 x 16 pixels: eight blocks.
    const FRAME: &[u8] = &[0xff, 0xc0, 0, 11, 8, 0, 16, 0, 32, 1, 1, 0x11, 0];
    const SCAN_HEADER: &[u8] = &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0];

    /// Two codes for DC and two for AC, so that the bits 00 are a whole block.
    fn tables() -> Vec<u8> {
        let mut counts = [0; 16];
        counts[..2].copy_from_slice(&[1, 1]);
        let codes = |target: u8| [&[0xff, 0xc4, 0, 21, target][..], &counts, &[0, 1]].concat();
        [codes(0x00), codes(0x10), [&[0xff, 0xdb, 0, 67, 0][..], &[8; 64]].concat()].concat()
    }

    fn stream(data: &[u8]) -> Vec<u8> {
        [&[0xff, 0xd8, 0xff, 0xe0, 0, 3, 9], &tables()[..], FRAME, SCAN_HEADER, data].concat()
    }

    fn accepted(stream: &[u8], tables: &[u8]) -> bool {
        let tables = read_tables(&[&[0xff, 0xd8], tables].concat()).unwrap();
        read(stream, &tables, |_| Ok(())).is_ok()
    }

    #[test]
    fn tables_may_stand_in_the_stream_or_apart() {
        let accept = |frame: &Frame| {
            assert_eq!((frame.width, frame.height), (32, 16));
            assert_eq!(frame.components, [Component { id: 1, h: 1, v: 1, quantiser: 0 }]);
            Ok(())
        };
        let apart = read_tables(&[&[0xff, 0xd8][..], &tables(), &[0xff, 0xd9]].concat()).unwrap();
        let short = [&[0xff, 0xd8], FRAME, SCAN_HEADER, &[0, 0, 0xff, 0xd9]].concat();
        assert!(read(&short, &apart, accept).is_ok());
        assert!(read(&short, &ScanState::default(), accept).is_err());
        assert!(read(&stream(&[0, 0, 0xff, 0xd9]), &ScanState::default(), accept).is_ok());
    }

    #[test]
    fn every_cut_is_noticed() {
        let whole = stream(&[0, 0, 0xff, 0xd9]);
        assert!(accepted(&whole, &[]));
        for len in 0..whole.len() {
            assert!(!accepted(&whole[..len], &[]), "{len} bytes");
        }
    }

    #[test]
    fn restart_markers_count_up_and_need_an_interval() {
        let interval = [0xff, 0xdd, 0, 4, 0, 4];
        let good = stream(&[0, 0xff, 0xd0, 0, 0xff, 0xd9]);
        assert!(accepted(&good, &interval));
        assert!(!accepted(&good, &[]));
        assert!(!accepted(&stream(&[0, 0xff, 0xd1, 0, 0xff, 0xd9]), &interval));
    }

    #[test]
    fn fill_bytes_before_a_marker_are_no_data() {
        let interval = [0xff, 0xdd, 0, 4, 0, 4];
        for fill in [1, 18, 1000] {
            let fill = vec![0xff; fill];
            assert!(accepted(&stream(&[&[0, 0][..], &fill, &[0xff, 0xd9]].concat()), &[]));
            let restart = [&[0][..], &fill, &[0xff, 0xd0, 0], &fill, &[0xff, 0xd9]].concat();
            assert!(accepted(&stream(&restart), &interval));
            // Before anything but a marker they are damage.
            assert!(!accepted(&stream(&[&[0, 0][..], &fill, &[0xff, 0, 0xff, 0xd9]].concat()), &[]));
        }
    }

    #[test]
    fn a_frame_of_another_process_is_refused_before_it_is_judged() {
        let mut progressive = stream(&[0, 0, 0xff, 0xd9]);
        let frame = progressive.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        progressive[frame + 1] = 0xc2;
        let refusal = read(&progressive, &ScanState::default(), |_| panic!("nothing depends on it")).unwrap_err();
        assert!(matches!(refusal, Refusal::Frame(error) if error.code() == "WSI-0305"));
    }

    #[test]
    fn damaged_tables_are_refused() {
        for bad in [&[][..], &[0xff], &[0; 20], &[0xff, 0xd8, 0xff, 0xdb, 0, 40, 1], &[0xff, 0xd8, 0xff, 0xda, 0, 2]] {
            assert!(read_tables(bad).is_err(), "{bad:?}");
        }
    }
}
