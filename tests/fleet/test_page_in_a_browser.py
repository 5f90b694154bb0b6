"""The page of a fleet in a real browser: filters, a telephone's width, hostile names, and not one request but for itself."""

import html
import http.server
import json
import shutil
import subprocess
import threading

import pytest

from pvhready.fleet import page
from pvhready.fleet.rows import Row
from pvhready.fleet.show import Tally
from support import wanted

EVIL = '</td><script>parent.evil=1</script><img src=/evil onerror="parent.evil=1"><link rel=stylesheet href=/evil>\u202e\x1b[31m'
ROWS = [Row("machine{:03d}.a-customer-with-a-long-name.example.net".format(number), "PV" if number % 3 else "PVH",
            "ready" if number % 4 else "not-ready", "boots", "fails", "/boot/vmlinuz-6.1.0-50-amd64", "Debian GNU/Linux 12 (bookworm)",
            () if number % 4 else ("image-not-bzimage", "hack-hook-active")) for number in range(120)]
ROWS += [Row(EVIL, "PV", "ready", "boots", "boots", EVIL, EVIL, (EVIL,)), Row("a" * 300, kernel="k" * 300, distribution="d" * 300),
         Row("broken", problem="is no JSON")]
# Looks at the page from outside: the page itself lets no script in. Each look is (width, words, type, verdict).
DRIVER = """<!DOCTYPE html><body><pre id="result"></pre><script>
const frame=document.createElement("iframe");frame.src="/page";frame.height=800;document.body.append(frame);
frame.onload=()=>{const page=frame.contentDocument,found=[];const [type,verdict]=page.querySelectorAll("select");
const set=(field,value,event)=>{field.value=value;field.dispatchEvent(new frame.contentWindow.Event(event));};
for(const [width,words,kind,word] of LOOKS){frame.width=width;set(page.getElementById("words"),words,"input");
set(type,kind,"change");set(verdict,word,"change");
const rows=[...page.querySelectorAll("tbody tr")].filter(row=>row.offsetHeight>0);
found.push({names:rows.map(row=>row.cells[0].textContent),count:page.getElementById("count").textContent,
wide:page.documentElement.scrollWidth,options:[...type.options,...verdict.options].map(option=>option.text)});}
const result=document.getElementById("result");
result.textContent="RESULT"+JSON.stringify({found,evil:window.evil||0,images:page.images.length,scripts:page.scripts.length})+"END";};
</script></body>"""


def look(looks):
    """Return what a browser finds, and the paths that it asked for."""
    browser = shutil.which("chromium") or wanted.tool("chromium", "chromium")
    served = {"/page": "".join(page.as_page(Tally(ROWS))), "/": DRIVER.replace("LOOKS", json.dumps(looks))}
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200 if self.path in served else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(served.get(self.path, "").encode("utf-8"))

        def log_message(self, format, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        shown = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--no-first-run", "--window-size=1400,1000", "--virtual-time-budget=20000", "--dump-dom",
             "http://127.0.0.1:{}/".format(server.server_address[1])],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=120).stdout.decode("utf-8")
    finally:
        server.shutdown()
        server.server_close()
    assert "RESULT{" in shown, shown[:2000]
    return json.loads(html.unescape(shown.split("RESULT{")[1].split("}END")[0]).join("{}")), asked


@pytest.mark.slow
def test_what_a_browser_makes_of_it(tmp_path):
    looks = [(1280, "", "", ""), (1280, "MACHINE007", "", ""), (1280, "", "PVH", "not-ready"), (1280, "hack-hook", "", "ready"),
             (360, "", "", ""), (360, "machine007", "", "")]
    result, asked = look(looks)
    every, by_name, by_both, nothing, narrow, narrow_by_name = result["found"]
    assert len(every["names"]) == len(ROWS) and every["count"] == "{0} of {0} machines".format(len(ROWS))
    assert by_name["names"] == narrow_by_name["names"] == [ROWS[7].name] and by_name["count"].startswith("1 of ")
    assert by_both["names"] == [row.name for row in ROWS if (row.type, row.verdict) == ("PVH", "not-ready")]
    assert nothing["names"] == []
    assert narrow["names"] == every["names"] and every["names"][120].startswith("</td><script>")
    # Nothing hangs over the edge.
    assert every["wide"] <= 1280 and narrow["wide"] <= 360
    assert every["options"] == [
        "every type", "PV (81)", "PVH (40)", "unknown (2)", "every verdict", "not-ready (30)", "ready (91)", "unknown (2)"]
    assert (result["evil"], result["images"], result["scripts"]) == (0, 0, 1)
    assert sorted(set(asked) - {"/favicon.ico"}) == ["/", "/page"]
