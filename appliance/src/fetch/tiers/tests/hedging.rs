//! Requests sent twice because an answer is late.

use tokio::time::Instant;

use super::*;
use crate::fetch::origin_script::say;

/// Answers each connection after `delay`.
fn late(delay: Duration, text: &str) -> Vec<Act> {
    let bytes = text.len();
    let answer = say(&format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n{text}"
    ));
    vec![Act::Read, Act::Pause(delay), answer]
}

/// Two URLs of one origin, the first of which has answered fifty times within `usual`.
async fn warm(usual: Duration) -> (Rig, Vec<Script>) {
    let rig = Rig::new(&[&[1, 2]], |_| {});
    let (quick, slow) = (late(usual, "one"), late(Duration::from_millis(800), "one"));
    let scripts = (0..50).map(|_| quick.clone()).chain([slow]).collect();
    let one = Script::listen(&rig.network, address(1), scripts);
    let two = rig.host(2, late(Duration::from_millis(5), "two"));
    for _ in 0..50 {
        assert_eq!(rig.fetch().await.unwrap().1, "one");
    }
    (rig, vec![one, two])
}

#[tokio::test(start_paused = true)]
async fn another_url_is_asked_when_ninety_five_of_a_hundred_answers_would_be_there() {
    let (rig, _origins) = warm(Duration::from_millis(40)).await;
    let begun = Instant::now();
    assert_eq!(rig.fetch().await.unwrap().1, "two");
    let took = begun.elapsed().as_millis();
    assert!((45..=52).contains(&took), "{took} ms");
    assert_eq!((rig.counters(2).hedges, rig.counters(2).hedges_won), (1, 1));
    assert_eq!(rig.state(1), "closed", "a little late is no failure");
}

#[tokio::test(start_paused = true)]
async fn the_first_to_answer_wins_even_if_it_was_asked_first() {
    let rig = Rig::new(&[&[1], &[2]], |_| {});
    let _one = rig.host(1, late(Duration::from_millis(1_100), "one"));
    let _two = rig.host(2, late(Duration::from_millis(500), "two"));
    let begun = Instant::now();
    assert_eq!(rig.fetch().await.unwrap().1, "one");
    assert_eq!(begun.elapsed(), Duration::from_millis(1_100));
    assert_eq!((rig.counters(2).hedges, rig.counters(2).hedges_won), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_farther_tier_is_asked_only_after_a_second() {
    let rig = Rig::chain(&[1, 2]);
    let _one = rig.host(1, late(Duration::from_millis(900), "one"));
    let two = rig.host(2, late(Duration::from_millis(5), "two"));
    for _ in 0..30 {
        assert_eq!(rig.fetch().await.unwrap().1, "one");
    }
    assert_eq!(two.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_meant_to_be_late_or_is_not_safe_is_sent_once() {
    let (rig, origins) = warm(Duration::from_millis(40)).await;
    let before = origins[1].requests().len();
    let patient = Ask {
        is_hedged: false,
        ..Ask::new(get("/a"), b"/a")
    };
    rig.ask(patient).await.unwrap();
    let delete = Request::delete("/a").body(Outgoing::Empty).unwrap();
    rig.ask(Ask::new(delete, b"/a")).await.unwrap();
    assert_eq!(origins[1].requests().len(), before);
}

#[tokio::test(start_paused = true)]
async fn hedges_are_at_most_a_tenth_of_what_was_asked_and_five() {
    let (rig, origins) = warm(Duration::from_millis(40)).await;
    // From now on every answer of the first URL is late, until late is what is usual.
    for _ in 0..300 {
        rig.fetch().await.unwrap();
    }
    let hedges = origins[1].requests().len();
    assert!((5..=5 + 35).contains(&hedges), "{hedges} for 350");
}

#[tokio::test(start_paused = true)]
async fn a_failed_first_attempt_waits_for_the_hedge() {
    let rig = Rig::chain(&[1, 2]);
    let _one = rig.host(1, vec![Act::Read, Act::Pause(Duration::from_millis(1_200))]);
    let _two = rig.host(2, late(Duration::from_millis(600), "two"));
    let begun = Instant::now();
    assert_eq!(rig.fetch().await.unwrap().1, "two");
    assert_eq!(begun.elapsed(), Duration::from_millis(1_600));
}

#[tokio::test(start_paused = true)]
async fn a_poor_answer_waits_for_a_better_one() {
    let rig = Rig::chain(&[1, 2]);
    let error = say("HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n");
    let _one = rig.host(
        1,
        vec![Act::Read, Act::Pause(Duration::from_millis(1_200)), error],
    );
    let _two = rig.host(2, late(Duration::from_millis(600), "two"));
    let answered = rig.ask(Ask::new(get("/a"), b"/a")).await.unwrap();
    assert_eq!(answered.response.status(), StatusCode::OK);
    assert_eq!(answered.attempts, 2);
}
