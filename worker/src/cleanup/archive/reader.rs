//! A run's file, read: whether it is whole and the run's, and its lines.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use super::{Header, Mark, hash, manifest, moved::Line};

/// The first line of a file.
pub(super) fn header(mut file: &File) -> io::Result<Header> {
    file.seek(SeekFrom::Start(0))?;
    let mut text = String::new();
    let frame = zstd::Decoder::new(file).map(zstd::Decoder::single_frame);
    let read = frame.and_then(|frame| frame.take(LONGEST_HEADER).read_to_string(&mut text));
    let header = read.ok().and_then(|_| serde_json::from_str(&text).ok());
    header.ok_or_else(|| invalid("it is no backup of tokenkeeper's"))
}

/// Whether the file is what its manifest says, the run's, and as long as the ledger says.
pub(super) fn check(path: &Path, run: &str, mark: &Mark) -> io::Result<()> {
    let file = File::open(path)?;
    let said = fs::read_to_string(manifest(path)).map_err(|error| {
        io::Error::new(
            error.kind(),
            "its manifest, the file of that name with .sha256, cannot be read",
        )
    })?;
    if said.split_whitespace().next() != Some(&hash(&file)?) {
        return Err(invalid("it is not what its manifest says: it was damaged, or changed"));
    }
    if header(&file)?.run != run {
        return Err(invalid("it is another run's"));
    }
    if file.metadata()?.len() < mark.bytes {
        return Err(invalid("it is shorter than the run left it"));
    }
    Ok(())
}

/// The rows of committed batches, in the order in which they were deleted.
pub(super) fn lines(
    path: &Path,
    mark: &Mark,
) -> io::Result<impl Iterator<Item = io::Result<Line>>> {
    let committed = File::open(path)?.take(mark.bytes);
    let lines = BufReader::new(zstd::Decoder::new(committed)?).lines();
    Ok(lines.skip(1).map(|line| {
        // serde's own message may repeat a value.
        serde_json::from_str(&line?).map_err(|_| invalid("a line of it cannot be read"))
    }))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Far more than a policy's name and an id take.
const LONGEST_HEADER: u64 = 4_096;
