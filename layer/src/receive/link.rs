//! The function's end of the link: frames from a wrapped function over a Unix socket.

use super::{
    BREATH, Intake, Signal,
    place::Place,
    room::{Crowded, Room, Share},
};
use crate::log;
use spanlayer_host::panics::{caught, caught_at_once, planted};
use spanlayer_link::{Decoder, Frame, Testament};
use spanlayer_pipeline::{Admission, Payload};
use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    select,
    sync::Semaphore,
};

/// The socket, bound and not yet served. Its file goes when this does.
#[derive(Debug)]
pub struct LinkSocket(UnixListener, File);

/// The socket's file.
#[derive(Debug)]
struct File(PathBuf);

/// Makes the socket, and the directory it lies in, for this user only. Where that cannot be (a read-only `/tmp`), one
/// warning is all it costs: wrapped functions send OTLP/HTTP then.
pub fn bind_link(path: PathBuf) -> Option<LinkSocket> {
    match make(&path) {
        Ok(listener) => Some(LinkSocket(listener, File(path))),
        Err(error) => {
            log::warn("no link socket, going on without", &[("path", &path.display()), ("error", &error)]);
            None
        }
    }
}

pub(super) fn make(path: &Path) -> io::Result<UnixListener> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(directory) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            }
            UnixListener::bind(path)
        }
        // Left by an extension that was killed, unless somebody answers.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && UnixStream::connect(path).is_err() => {
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        outcome => outcome,
    }?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Drop for File {
    fn drop(&mut self) {
        // A function that finds no socket does not wait for anybody behind it.
        let _ = fs::remove_file(&self.0);
    }
}

/// Reads frames for as long as the process lives, into so much room.
pub(crate) async fn serve_link(socket: LinkSocket, intake: Intake, room: Room) {
    let LinkSocket(listener, file) = socket;
    let Ok(mut listener) = tokio::net::UnixListener::from_std(listener) else { return };
    let place = Place::of(&file.0);
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    // For as long as the process lives, whatever it panics about.
    while caught(accept(&mut listener, &place, &connections, &intake, &room)).await.is_err() {
        tokio::time::sleep(BREATH).await;
    }
}

async fn accept(
    listener: &mut tokio::net::UnixListener,
    place: &Place,
    connections: &Arc<Semaphore>,
    intake: &Intake,
    room: &Room,
) {
    loop {
        planted("accept");
        let Ok(permit) = Arc::clone(connections).acquire_owned().await else { return };
        select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (place, intake, share) = (place.clone(), intake.clone(), room.share());
                    tokio::spawn(async move {
                        let _permit = permit;
                        serve(stream, place, intake, share).await;
                    });
                }
                Err(error) => {
                    log::debug("accepting failed", &[("error", &error)]);
                    tokio::time::sleep(BREATH).await;
                }
            },
            () = intake.link_is_wanted() => {
                if let Some(anew) = place.remake() {
                    *listener = anew;
                }
            }
        }
    }
}

/// Serves one connection to its end, and then takes what the function had yet to send.
async fn serve<S: AsyncRead + Unpin>(stream: S, place: Place, intake: Intake, share: Share) {
    let mut journal = None;
    let gone = read(stream, &place, &mut journal, &intake, share).await;
    if let Some(mut journal) = journal.filter(|_| gone) {
        inherit(&mut journal, &intake);
        journal.remove();
        intake.told();
    }
    // The next function connects anew.
    intake.want_link();
}

/// Reads one connection. A frame whose length cannot be ends it, since nobody knows where the next one begins; the
/// function connects afresh at its next invocation. Whether it was the function that ended it.
async fn read<S: AsyncRead + Unpin>(
    mut stream: S,
    place: &Place,
    journal: &mut Option<Testament>,
    intake: &Intake,
    mut share: Share,
) -> bool {
    let mut decoder = Decoder::new();
    loop {
        make_room(&mut decoder, &mut share).await;
        select! {
            // What the function sent comes before what it did not.
            biased;
            read = stream.read_buf(decoder.buffer()) => match read {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    log::debug("the link broke off", &[("error", &error)]);
                    return true;
                }
            },
            () = intake.closing() => {
                if let Some(journal) = journal {
                    inherit(journal, intake);
                }
            }
        }
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => {
                    if let Frame::Hello(hello) = &frame {
                        place.search(&hello.journal, |left| bury(left, intake));
                        intake.conclude_left();
                        *journal = place.journal(&hello.journal);
                    }
                    if let (Frame::Said(mark), Some(journal)) = (&frame, journal.as_mut()) {
                        journal.said(*mark);
                    }
                    take(frame, intake);
                }
                Ok(None) => break,
                Err(error) => {
                    log::warn("a bad frame on the link", &[("error", &error)]);
                    if error.is_fatal() {
                        return false;
                    }
                }
            }
        }
    }
}

/// Sees to it that the next read has room. Where there is none in time, the frame is given up, so that those behind it,
/// the end of an invocation among them, are not held up by it.
async fn make_room(decoder: &mut Decoder, share: &mut Share) {
    let pending = decoder.pending();
    if pending <= FREE {
        return share.shrink(0);
    }
    // The buffer doubles when it is full.
    if share.grow(2 * (pending + FREE)).await == Err(Crowded)
        && let Some(length) = decoder.skip_frame()
    {
        share.shrink(0);
        log::error("no room for a frame on the link, dropped", &[("bytes", &length)]);
    }
}

/// Takes what a function had yet to send, once.
fn inherit(journal: &mut Testament, intake: &Intake) {
    for frame in frames(journal.read_on()) {
        if !matches!(frame, Frame::Hello(_)) {
            take(frame, intake);
        }
    }
}

/// The same of one whose whole environment was reset: nobody but us will say that its invocation failed.
fn bury(journal: &Testament, intake: &Intake) {
    let at = journal.written_unix_nano();
    for frame in frames(journal.read()) {
        match frame {
            Frame::Hello(_) => {}
            Frame::Started(started) => {
                log::debug("cut off", &[("requestId", &started.request_id)]);
                intake.account().note(|ledger, now| ledger.cut_off(&started, at.unwrap_or(now), now));
            }
            frame => take(frame, intake),
        }
    }
}

fn frames(read: io::Result<Vec<Frame>>) -> Vec<Frame> {
    read.unwrap_or_else(|error| {
        log::debug("a journal cannot be read", &[("error", &error)]);
        Vec::new()
    })
}

/// Takes a frame. Whatever that panics about costs this one, and none of those behind it.
fn take(frame: Frame, intake: &Intake) {
    let _ = caught_at_once(|| take_in(frame, intake));
}

fn take_in(frame: Frame, intake: &Intake) {
    planted("link");
    intake.note(&frame);
    match frame {
        Frame::Hello(hello) => {
            log::debug("a wrapped function is there", &[("version", &hello.version)]);
            intake.account().note(|ledger, _| ledger.hello(&hello));
            intake.tell(Signal::Connected);
        }
        Frame::Started(started) => {
            log::debug("started", &[("requestId", &started.request_id)]);
            intake.account().note(|ledger, now| ledger.started(&started, now));
            intake.tell(Signal::Connected);
        }
        Frame::Ended(ended) => {
            if ended.dropped_spans > 0 {
                log::error(
                    "the function dropped spans that the link did not take",
                    &[("spans", &ended.dropped_spans)],
                );
            }
            intake.account().note(|ledger, now| ledger.ended(&ended, now));
            intake.tell(Signal::Ended { request_id: ended.request_id, at_unix_nano: ended.end_unix_nano });
        }
        // Of use once the platform says that the invocation never ended; until then it may still be taken back.
        Frame::Unfinished(unfinished) => {
            log::debug("unfinished", &[("requestId", &unfinished.request_id)]);
            intake.account().note(|ledger, now| ledger.unfinished(&unfinished, now));
        }
        Frame::Said(_) => {}
        Frame::Telemetry(signal, bytes) => match Payload::scan(signal, bytes) {
            Ok(payload) if payload.items() == 0 => {}
            Ok(payload) => {
                let items = payload.items();
                match intake.accept(payload) {
                    Admission::Accepted => {}
                    // The pipeline counts and reports what it drops; here there is nobody to answer.
                    refused => log::debug(
                        "not taken from the link",
                        &[("items", &items), ("why", &format!("{refused:?}"))],
                    ),
                }
            }
            Err(error) => log::warn("a malformed payload on the link, dropped", &[("error", &error)]),
        },
    }
}

/// Connections at once. A function has one; those of its predecessors are read to their end.
const CONNECTIONS: usize = 32;

/// What a connection may hold without having asked: the frames of usual invocations.
const FREE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receive::intake::tests::intake;
    use spanlayer_link::Ended;
    use tokio::{
        io::{AsyncWriteExt, DuplexStream},
        sync::mpsc::unbounded_channel,
        task::JoinHandle,
    };

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("spanlayer-link-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn the_socket_is_for_this_user_only_and_goes_with_its_owner() {
        let directory = directory("mode");
        let path = directory.join("deep/link.sock");
        let socket = bind_link(path.clone()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        drop(socket);
        assert!(!path.exists());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_left_alone() {
        let directory = directory("stale");
        let path = directory.join("link.sock");
        fs::create_dir_all(&directory).unwrap();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a killed process leaves its socket behind");
        let socket = bind_link(path.clone()).unwrap();
        UnixStream::connect(&path).unwrap();
        assert!(bind_link(path.clone()).is_none(), "somebody answers");
        UnixStream::connect(&path).unwrap();
        drop(socket);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_place_where_nothing_can_be_made_is_gone_without() {
        assert!(bind_link(PathBuf::from("/proc/spanlayer/link.sock")).is_none());
    }

    /// A stream that gives what it has been given, and then waits.
    async fn connection(room: &Room) -> (DuplexStream, JoinHandle<()>) {
        let (ours, theirs) = tokio::io::duplex(16 << 10);
        (theirs, tokio::spawn(serve(ours, nowhere(), intake(unbounded_channel().0), room.share())))
    }

    fn nowhere() -> Place {
        Place::of(Path::new("/proc/spanlayer/link.sock"))
    }

    fn frame(length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        Frame::Telemetry(spanlayer_otlp::Signal::Traces, vec![0; length].into()).encode(&mut bytes);
        bytes
    }

    #[tokio::test(start_paused = true)]
    async fn half_frames_hold_no_more_than_there_is_room_for_and_whole_ones_give_it_back() {
        let room = Room::new(1 << 20);
        let half = &frame(1 << 20)[..300 << 10];
        let mut open = Vec::new();
        for connections in 1..=40 {
            let (mut stream, task) = connection(&room).await;
            stream.write_all(half).await.unwrap();
            open.push((stream, task));
            assert!(room.taken() <= 1 << 20);
            if connections == 1 {
                assert!(room.taken() >= 2 * (300 << 10) - FREE, "{}", room.taken());
            }
        }
        for (stream, task) in open {
            drop(stream);
            task.await.unwrap();
        }
        assert_eq!(room.taken(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_room_is_passed_over_and_what_follows_is_read() {
        let room = Room::new(1 << 20);
        let mut share = room.share();
        share.grow(1 << 20).await.unwrap();
        let (signals, mut heard) = unbounded_channel();
        let (ours, mut stream) = tokio::io::duplex(16 << 10);
        let task = tokio::spawn(serve(ours, nowhere(), intake(signals), room.share()));
        let mut bytes = frame(1 << 20);
        let ended = Ended { request_id: "r".to_owned(), ..Ended::default() };
        Frame::Ended(ended).encode(&mut bytes);
        stream.write_all(&bytes).await.unwrap();
        drop(stream);
        task.await.unwrap();
        assert!(matches!(heard.recv().await, Some(Signal::Ended { .. })));
        drop(share);
        assert_eq!(room.taken(), 0);
    }
}
