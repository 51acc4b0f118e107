# make demo        everything on drawn data, in minutes: data sets, parsers, both trainings, plots, results
# make test        ruff, types, which way the rooms import each other, and the tests, with the slowest ten at the end
# make test-long   the tests that take long: kills, mutated files by the thousand, a cluster
PYTHON ?= python3
PY := .venv/bin/python
IN := --root demo

# What makes training small: 64 px, from the shipped weights, a few hundred steps.
SMALL := --img-sz 64 --valid-every 50 --log-every 10
TESTS := $(PY) -m pytest -n auto --dist worksteal --durations 10

.PHONY: demo test test-long

demo: .venv/installed
	rm -rf demo
	$(PY) sample_data.py $(IN)
	$(PY) parse_affectnet.py $(IN) --verify
	$(PY) parse_raf.py $(IN) --verify
	$(PY) extract_friends.py $(IN)
	$(PY) parse_friends.py $(IN)
	$(PY) model_train.py $(IN) $(SMALL) --weights fer --batch-size 32 --lr 0.01 --max-steps 150
	$(PY) model_tsm_train.py $(IN) $(SMALL) --batch-size 12 --lr 0.003 --max-steps 100
	$(PY) plot_errval.py $(IN) --runs static tsm
	$(PY) create_results.py $(IN) --episode 11 --weights runs/tsm/best.pt --overlay
	$(PY) plot_results.py $(IN) --results results/friends_s01_ep11.json
	$(PY) export_results.py $(IN) --results results/friends_s01_ep11.json
	$(PY) -m tools.check_demo $(IN)
	$(PY) report.py $(IN) --episode 11
	@echo
	@echo "To look at, in a browser:         demo/results/friends_s01_ep11.html"
	@echo "The emotions, one record a line:  demo/results/friends_s01_ep11.json"
	@echo "The episode's faces and timeline: demo/results/friends_s01_ep11.png"
	@echo "The episode with both drawn in:   demo/results/friends_s01_ep11.overlay.mp4"
	@echo "For pandas, ELAN, VLC and Praat:   demo/results/friends_s01_ep11.{parquet,eaf,vtt,TextGrid}"
	@echo "Error and accuracy in training:   demo/results/errval.png"
	@echo "The figures above, as JSON:       demo/results/demo.json"

test: .venv/installed
	$(PY) -m ruff check .
	.venv/bin/lint-imports
	$(PY) -m mypy
	$(TESTS) -m "not long"

test-long: .venv/installed
	$(TESTS) -m long

.venv/installed: requirements.txt requirements-read.txt requirements-export.txt requirements-cluster.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info < (3, 14) else "Python 3.10 to 3.13 is needed")'
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@
