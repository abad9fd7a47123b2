"""A small FlowBoard: an issue tracker's backend to aim a load test at."""
