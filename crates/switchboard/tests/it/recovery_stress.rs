//! Recovery while many threads emit: nothing is lost, doubled or out of order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use switchboard::{Recovery, Server};

use crate::client::start;
use crate::recovery::{Gone, Recovering, server_with};

const SENDERS: usize = 3;
const CUTS: usize = 40;

/// Threads that count, each in its own event, until they are told to stop.
fn count_loudly(io: &Server, stop: &Arc<AtomicBool>) -> Vec<std::thread::JoinHandle<u64>> {
    let begin = |sender: usize| {
        let (io, stop) = (io.clone(), Arc::clone(stop));
        std::thread::spawn(move || {
            let mut count = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let numbers = (sender, count);
                match count % 3 {
                    0 => io.emit("n", numbers).unwrap(),
                    1 => io.to("room").emit("n", numbers).unwrap(),
                    _ => io.to("room").to("other").except("nobody").emit("n", numbers).unwrap(),
                }
                count += 1;
                // The log must be able to hold what one cut misses, on a slow machine too.
                if count.is_multiple_of(16) {
                    std::thread::park_timeout(std::time::Duration::from_millis(5));
                }
            }
            count
        })
    };
    (0..SENDERS).map(begin).collect()
}

/// Checks that each sender's numbers come without a gap and without a double.
struct Ledger {
    next: [Option<u64>; SENDERS],
}

impl Ledger {
    fn enter(&mut self, event: &serde_json::Value) {
        let sender = usize::try_from(event[1].as_u64().unwrap()).unwrap();
        let count = event[2].as_u64().unwrap();
        let expected = self.next[sender].unwrap_or(count);
        assert_eq!(count, expected, "sender {sender}");
        self.next[sender] = Some(count + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_cut_again_and_again_sees_every_number_once_and_in_order() {
    let recovery = Recovery::default().packets_max(1_000_000).bytes_max(512 * 1024 * 1024);
    let io = server_with(recovery);
    io.on("connection", async |socket: switchboard::Socket| {
        if !socket.recovered() {
            socket.join(["room", "other"]).unwrap();
            socket.emit("ready", (0, 0)).unwrap();
        }
    });
    let server = start(&io).await;
    let mut client = Recovering::connect(&server).await;
    assert_eq!(client.event().await[0], "ready");
    let stop = Arc::new(AtomicBool::new(false));
    let senders = count_loudly(&io, &stop);
    let mut ledger = Ledger { next: [None; SENDERS] };
    for cut in 0..CUTS {
        for _ in 0..cut % 7 {
            ledger.enter(&client.event().await);
        }
        // Every other time the server does not notice, and goes on sending to the old connection.
        let (gone, _dead) = match cut % 2 {
            0 => (client.cut(&io).await, None),
            _ => {
                let Recovering { client, id, pid, offset } = client;
                (Gone { id, pid, offset }, Some(client))
            }
        };
        let (back, replayed, is_recovered) = gone.back(&server).await;
        assert!(is_recovered);
        replayed.iter().for_each(|it| ledger.enter(it));
        client = back;
    }
    stop.store(true, Ordering::Relaxed);
    let mut counts = Vec::new();
    for sender in senders {
        counts.push(tokio::task::spawn_blocking(move || sender.join().unwrap()).await.unwrap());
    }
    io.emit("end", (0, 0)).unwrap();
    loop {
        let event = client.event().await;
        if event[0] == "end" {
            break;
        }
        ledger.enter(&event);
    }
    let seen: Vec<_> = ledger.next.iter().map(|it| it.unwrap_or(0)).collect();
    assert_eq!(seen, counts);
}
