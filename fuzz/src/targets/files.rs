//! What is found in the state directory: the files of whoever was killed.

use flate2::Crc;
use spanlayer_link::{Decoder, Frame, Hello, Journal, Testament};
use spanlayer_pipeline::{Deadline, Destination, Memory, Outcome, Pipeline, Settings, Signal, Spool};
use std::{fs, path::PathBuf, sync::LazyLock};

/// A journal cut off or damaged anywhere gives what was written before that, and a file that is none gives nothing.
pub(super) fn journal(data: &[u8]) {
    let directory = emptied(scratch("journal"));
    let Some((mode, rest)) = data.split_first() else { return };
    if mode % 2 == 0 {
        let name = "journal-0000000000000000";
        fs::write(directory.join(name), rest).expect("a file");
        if let Ok(testament) = Testament::open(&directory, name) {
            let _ = testament.read();
        }
        return;
    }
    let mut decoder = Decoder::new();
    decoder.push(rest);
    let frames: Vec<Frame> = std::iter::from_fn(|| decoder.next_frame().ok().flatten()).collect();
    let mut hello = Hello::default();
    let mut journal = Journal::create(&directory, &mut hello).expect("a journal");
    let mut written = vec![Frame::Hello(hello)];
    for frame in &frames {
        if journal.write([frame]).is_ok() {
            written.push(frame.clone());
        }
    }
    let length = journal.len();
    for testament in Testament::left_in(&directory, "") {
        let read = testament.read().expect("it can be read");
        assert_eq!(read, written, "all of it");
        let path =
            fs::read_dir(&directory).expect("a directory").flatten().next().expect("the journal").path();
        let file = fs::OpenOptions::new().write(true).open(path).expect("the journal");
        let cut = rest.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        file.set_len(cut % (length + 1)).expect("it can be cut");
        let cut = testament.read().expect("it can be read");
        assert!(written.starts_with(&cut), "a beginning of it");
        testament.remove();
    }
}

/// What a spool gives back can be delivered or is kept elsewhere, and after that it is empty.
pub(super) fn spool(data: &[u8]) {
    let directory = emptied(scratch("spool"));
    let Some((mode, rest)) = data.split_first() else { return };
    // Without a checksum that is right, nothing is looked at any further.
    let segment = if mode % 2 == 0 { rest.to_vec() } else { framed(rest) };
    let halves = segment.split_at(segment.len() * usize::from(mode / 2) / 128);
    for (number, half) in [(1, halves.0), (2, halves.1)] {
        fs::write(directory.join(format!("{number:016x}.seg")), half).expect("a file");
    }
    let memory = Memory::always(Outcome::DELIVERED);
    let mut settings = Settings::to([Destination::custom("lane", Signal::ALL, memory)]);
    settings.spool = Some(Spool::at(directory.clone(), 64 << 20));
    let pipeline = Pipeline::new(settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let report = runtime.block_on(async {
        pipeline.recover().await;
        pipeline.shutdown(Deadline::never()).await
    });
    assert!(report.lost.is_empty() && report.spooled.is_empty(), "{report}");
    let left: Vec<_> =
        fs::read_dir(&directory).into_iter().flatten().flatten().map(|file| file.file_name()).collect();
    assert_eq!(left, ["lock"], "nothing is owed");
}

/// A length of two bytes and a body for each record, as a segment has them.
fn framed(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (body, after) = after.split_at(length);
        let mut crc = Crc::new();
        crc.update(body);
        out.extend_from_slice(&u32::try_from(length).unwrap_or_default().to_le_bytes());
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(body);
        rest = after;
    }
    out
}

fn emptied(directory: PathBuf) -> PathBuf {
    for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
        let _ = fs::remove_file(entry.path());
    }
    directory
}

/// A directory of this process, in memory where there is such a file system.
fn scratch(name: &str) -> PathBuf {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let memory = PathBuf::from("/dev/shm");
        let root = if memory.is_dir() { memory } else { std::env::temp_dir() };
        root.join(format!("spanlayer-fuzz-{}", std::process::id()))
    });
    let directory = ROOT.join(name);
    fs::create_dir_all(&directory).expect("a directory");
    directory
}
