#!/usr/bin/env bash
# docker-compose.yml and what its profile `watch` gives to Prometheus and Grafana: valid YAML, paths that exist, and names
# that agree. Nothing is started: that needs docker.
. "$(dirname "$0")/lib/suite.sh" || exit 1
. tests/lib/yaml.sh

# yaml_write FILE JSON
yaml_write() {
    yaml_to_json "$1" >"$2"
}

suite_begin
provisioning=config/grafana/provisioning
compose=$suite_folder/compose.json
check "docker-compose.yml is YAML" yaml_write docker-compose.yml "$compose"

# of QUERY: what it finds in docker-compose.yml, in raw lines.
of() {
    jq --raw-output "$1" "$compose"
}
# mounts SERVICE: a line "PATH TARGET" for each file or folder of ours that it sees.
mounts() {
    of ".services.$1.volumes[]" | sed -nE 's|^\./([^:]+):([^:]+)(:ro)?$|\1 \2|p'
}

check_equal "without a profile Kafka, Redis and the worker start" "kafka redis topics worker" \
    "$(of '.services | to_entries[] | select(.value.profiles == null).key' | sort | xargs)"
check_equal "with the profile watch also Prometheus and Grafana" "grafana prometheus" \
    "$(of '.services | to_entries[] | select(.value.profiles == ["watch"]).key' | sort | xargs)"
check_equal "every image has its version" "" "$(of '.services[].image | select(. != null) | select(test(":[0-9v]") | not)')"
check_equal "every port is for this machine only" "" "$(of '.services[].ports[]? | select(startswith("127.0.0.1:") | not)')"
check_equal "what is mounted is there" "" \
    "$(for service in prometheus grafana; do mounts "$service"; done | while read -r path _; do [ -e "$path" ] || echo "$path"; done)"
check_equal "and cannot be written" "" "$(of '.services[].volumes[]? | select(startswith("./")) | select(endswith(":ro") | not)')"
check_equal "every service that another one waits for is there" "" \
    "$(of '.services as $all | $all[].depends_on // empty | if type == "array" then .[] else keys[] end | select($all[.] == null)')"

check_equal "Prometheus finds its config where its image looks for it" "config/prometheus /etc/prometheus" "$(mounts prometheus)"
check "with the rules" yaml_write config/prometheus/prometheus.yml "$suite_folder/prometheus.json"
check_equal "which are beside it" alerts.yml "$(jq -r '.rule_files[]' "$suite_folder/prometheus.json")"
check_equal "it scrapes the worker where that listens" "worker:$(of .services.worker.environment.CLIENT_INTAKE_HTTP_LISTEN | cut -d: -f2)" \
    "$(jq -r '.scrape_configs[].static_configs[].targets[]' "$suite_folder/prometheus.json")"

check "Grafana's data source is YAML" yaml_write "$provisioning/datasources/prometheus.yml" "$suite_folder/datasource.json"
check_equal "and is this Prometheus" "prometheus http://prometheus:9090" \
    "$(jq -r '.datasources[] | .type + " " + .url' "$suite_folder/datasource.json")"
check_equal "with its interval" "$(jq -r .global.scrape_interval "$suite_folder/prometheus.json")" \
    "$(jq -r '.datasources[].jsonData.timeInterval' "$suite_folder/datasource.json")"
check "Grafana's provider of dashboards is YAML" yaml_write "$provisioning/dashboards/client-intake.yml" "$suite_folder/provider.json"
dashboards=$(jq -r '.providers[].options.path' "$suite_folder/provider.json")
check_equal "its provisioning is where its image looks for it" /etc/grafana/provisioning \
    "$(mounts grafana | awk -v path="$provisioning" '$1 == path { print $2 }')"
check_equal "the dashboard is where the provider looks" "$dashboards" \
    "$(mounts grafana | awk '$1 == "config/grafana/dashboard.json" { print $2 }' | xargs dirname)"
check_equal "and is the home page" "$(mounts grafana | awk '$1 == "config/grafana/dashboard.json" { print $2 }')" \
    "$(of .services.grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH)"
suite_end
