//! What a fleet sees of a running appliance: `/metrics` by Prometheus and its linter, `/api/v1` by
//! its own description, the agent check by a load balancer, and the files that bring it into them.

mod agreement;
mod description;
mod events;
mod integrations;
mod load_balancer;
mod prometheus;
mod rig;
mod zabbix;
