//! Which of several URLs is asked.

use std::collections::BTreeMap;

use super::*;
use crate::config::Strategy;

/// Three URLs, each of which says its name.
fn three(tell: impl Fn(&mut config::Origin)) -> (Rig, Vec<Script>) {
    let rig = Rig::new(&[&[1, 2, 3]], tell);
    let origins = (1..=3)
        .map(|host| rig.host(host, answers(200, "x")))
        .collect();
    (rig, origins)
}

/// How many of `keys` go to each host.
async fn spread(rig: &Rig, keys: std::ops::Range<u32>) -> BTreeMap<String, u32> {
    let mut spread = BTreeMap::new();
    for key in keys {
        let key = format!("/segment-{key}.ts");
        let answered = rig.ask(Ask::new(get(&key), key.as_bytes())).await.unwrap();
        *spread.entry(whole(answered).await.unwrap().0).or_default() += 1;
    }
    spread
}

#[tokio::test(start_paused = true)]
async fn rendezvous_asks_one_url_for_one_key_and_spreads_keys_over_all() {
    let (rig, _origins) = three(|origin| origin.strategy = Strategy::Rendezvous);
    let first = spread(&rig, 0..300).await;
    assert!(
        first.len() == 3 && first.values().all(|count| *count > 70),
        "{first:?}"
    );
    assert_eq!(spread(&rig, 0..300).await, first);
}

#[tokio::test(start_paused = true)]
async fn a_url_that_is_gone_leaves_the_keys_of_the_others_alone() {
    let (rig, mut origins) = three(|origin| origin.strategy = Strategy::Rendezvous);
    let before = spread(&rig, 0..300).await;
    rig.path(2, BLACK_HOLE);
    drop(origins.remove(1));
    let after = spread(&rig, 0..300).await;
    assert_eq!(after.get("h2"), None);
    assert!(
        after["h1"] > before["h1"] && after["h3"] > before["h3"],
        "{after:?}"
    );
    assert_eq!(rig.tier(0).unanswered, 0);
}

#[tokio::test(start_paused = true)]
async fn weights_are_kept_to() {
    let (rig, _origins) = three(|origin| {
        origin.strategy = Strategy::Weights;
        origin.weights = vec![1, 2, 7];
    });
    let spread = spread(&rig, 0..100).await;
    let counts: Vec<u32> = spread.into_values().collect();
    assert_eq!(counts, [10, 20, 70]);
}

#[tokio::test(start_paused = true)]
async fn the_nearest_is_asked_once_round_trips_are_known() {
    let (rig, _origins) = three(|_| {});
    for (host, delay_ms) in [(1, 60), (2, 40), (3, 10)] {
        let delay = Duration::from_millis(delay_ms);
        rig.path(
            host,
            PathFaults {
                delay,
                ..PathFaults::default()
            },
        );
    }
    let running = tokio::spawn(Arc::clone(&rig.tiers).run(std::future::pending()));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        spread(&rig, 0..10).await,
        BTreeMap::from([("h3".to_owned(), 10)])
    );
    assert_eq!(rig.endpoint(3).round_trip, Some(Duration::from_millis(10)));
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_ails_is_asked_after_those_that_are_well() {
    let rig = Rig::chain(&[1, 2]);
    let (ailing, _well) = (
        rig.host(1, answers(500, "no")),
        rig.host(2, answers(200, "far")),
    );
    let mut served = 0;
    for _ in 0..200 {
        served += u32::from(rig.get().await.unwrap().response.status() == StatusCode::OK);
    }
    assert_eq!(ailing.requests().len(), 20, "then it is known");
    assert!(served >= 190, "{served} of 200");
}
