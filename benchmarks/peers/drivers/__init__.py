"""One module a contender; benchmarks/peers/contract.py says what each has. All but `ours` and `floor` run elsewhere."""
