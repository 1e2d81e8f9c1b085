//! Many who want the same at once.

use super::*;
use crate::engine::{Body, Running};

const LONG: usize = 400_000;

fn put_long(running: &Running, salt: u8) {
    let engine = running.engine();
    let written = engine.begin(&key("/long"), Class::High, Bytes::new());
    let written = written.unwrap();
    for chunk in body(salt, LONG).chunks(4_000) {
        let chunk = Bytes::copy_from_slice(chunk);
        engine.append(&written, chunk).unwrap();
    }
    engine.commit(&written, Bytes::new()).unwrap();
    engine.unpin(&written);
    assert!(engine.flush(PATIENCE));
}

fn find(running: &Running) -> Arc<Body> {
    running.engine().get(&key("/long")).unwrap()
}

#[test]
fn readers_of_an_object_in_parts_share_what_is_known_of_it() {
    let disk = sim::Disk::new(1);
    let running = Running::start(&disk, clock(), &config_of_parts(300)).unwrap();
    put_long(&running, 1);
    let first = find(&running);
    assert!(Arc::ptr_eq(&first, &find(&running)));
    let object = Object::new(Arc::clone(running.engine()), find(&running));
    assert!(read(&object).unwrap() == body(1, LONG));
    // A newer one is another one, though the older one is still read.
    put_long(&running, 2);
    let second = find(&running);
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(read(&object).unwrap() == body(1, LONG));
    let newer = Object::new(Arc::clone(running.engine()), find(&running));
    assert!(read(&newer).unwrap() == body(2, LONG));
    // What nobody reads is not kept, and what has gone is not found.
    let forgotten = Arc::downgrade(&second);
    drop((second, newer));
    assert_eq!(forgotten.strong_count(), 0);
    let third = find(&running);
    assert!(running.engine().evict(&key("/long")));
    assert!(running.engine().get(&key("/long")).is_none());
    drop(third);
}
