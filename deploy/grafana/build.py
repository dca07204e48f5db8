"""The dashboard as code: `board.py` says what is on it, and this writes the JSON that Grafana reads.

python deploy/grafana/build.py             write deploy/grafana/dashboards/pointstream.json anew
python deploy/grafana/build.py --check     end with 1 where the file is not what would be written
"""

import json
import sys
from pathlib import Path
from typing import Any

from board import ROWS, Panel

PATH = Path(__file__).resolve().parent / "dashboards" / "pointstream.json"
WIDE, HIGH = 24, 8


def dashboard() -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS.items():
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "gridPos": {"x": 0, "y": y, "w": WIDE, "h": 1}, "panels": []}
        )
        y += 1
        x, high = 0, HIGH
        for panel in row:
            high = HIGH // 2 if panel.kind == "stat" else HIGH
            if x + panel.width > WIDE:
                x, y = 0, y + high
            panels.append(_panel(panel, len(panels) + 1, {"x": x, "y": y, "w": panel.width, "h": high}))
            x += panel.width
        y += high
    return {
        "uid": "pointstream",
        "title": "pointstream",
        "description": "Made by deploy/grafana/build.py: change it there.",
        "tags": ["pointstream"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_datasource(), _job()]},
        "panels": panels,
    }


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_above is not None:
        steps.append({"color": "red", "value": panel.red_above})
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "timeseries":
        defaults |= {
            "min": 0,
            "custom": {"fillOpacity": 30 if panel.stacked else 0, "stacking": {"mode": "normal" if panel.stacked else "none"}},
        }
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.told,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": source, "expr": query.expr, "legendFormat": query.legend or "__auto"}
            for at, query in enumerate(panel.queries)
        ],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}}


def _job() -> dict[str, Any]:
    query = "label_values(pointstream_ready, job)"
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "name": "job",
        "type": "query",
        "datasource": source,
        "query": query,
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def text() -> str:
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        return 0 if PATH.exists() and PATH.read_text(encoding="utf-8") == text() else 1
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
