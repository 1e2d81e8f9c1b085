//! What a fleet sees of a running appliance: `/metrics` by Prometheus and its linter, `/api/v1` by
//! its own description, the agent check by a load balancer.

mod agreement;
mod events;
mod load_balancer;
mod prometheus;
mod rig;
