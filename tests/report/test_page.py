"""The page of verger report in Chromium, opened from disk."""

import base64
import hashlib
import io
import json
import pathlib

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from e2e.conftest import TS, read_parquet, run, verger
from pictures import encoded, fill, photograph

CHROMIUM = "/usr/bin/chromium"
# Without these it looks for updates and fails at it.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Drawing is put off to the next frame.
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
HOSTILE = ["<script>document.title='x'</script>".replace("/", "∕"), "\"><img src=x onerror=alert(1)>",
           "\u202egnp.exe", "a" * 200, "&amp;{{x}}"]


@pytest.fixture(scope="module")
def page_path(tmp_path_factory):
    root = tmp_path_factory.mktemp("page")
    fill(root / "in", per_class=20)
    for i, label in enumerate(HOSTILE):
        (root / "in" / "Training" / label).mkdir()
        (root / "in" / "Training" / label / "1.jpg").write_bytes(encoded(photograph(900 + i)))
    (root / "in" / "Training" / "Pear 1" / "broken.jpg").write_bytes(b"no image")
    # Four of one picture, the last under another label.
    copy = (root / "in" / "Training" / "Apple 1" / "r_0_100.jpg").read_bytes()
    for name in ("Apple 1/copy_1.jpg", "Apple 1/copy_2.jpg", "Pear 1/swapped.jpg"):
        (root / "in" / "Training" / name).write_bytes(copy)
    run(root / "in", root / "out", code=3)
    assert verger("neighbours", root / "out", "-k", 3).returncode == 0
    assert verger("report", root / "out", "-o", root / "page.html").returncode == 0
    return root / "page.html"


@pytest.fixture(scope="module")
def browser():
    if not pathlib.Path(CHROMIUM).exists():
        pytest.skip(f"no {CHROMIUM}: Ubuntu's package is a snap, which reads no files of /tmp")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Watched:
    """A page, what it asked for and what it complained of."""

    def __init__(self, browser, path, **options):
        self.requests, self.complaints = [], []
        context = browser.new_context(viewport={"width": 1280, "height": 1100}, **options)
        self.page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.locator("html[data-ready]").wait_for(state="attached")
        self.page.evaluate(DRAWN)


@pytest.fixture
def watched(browser, page_path):
    opened = Watched(browser, page_path)
    yield opened
    opened.page.context.close()


def pixels(page):
    """The colours of the map and how often each comes."""
    return dict(page.evaluate("""() => {
      const canvas = document.getElementById('points'), counts = {};
      const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      for (let i = 0; i < data.length; i += 4) {
        const colour = data.slice(i, i + 3).join(',');
        counts[colour] = (counts[colour] || 0) + 1;
      }
      return Object.entries(counts);
    }"""))


def test_nothing_is_asked_of_any_server_and_nothing_violated(watched, page_path):
    watched.page.evaluate("vergerReport.open(0)")
    watched.page.locator("#card img").wait_for()
    for url in watched.requests:
        assert url.startswith(("file://", "data:", "blob:")), url
    assert watched.complaints == []


def test_hostile_labels_are_text(watched):
    legend = watched.page.locator("#legend .name").all_text_contents()
    assert set(HOSTILE[1:]) - {"\u202egnp.exe"} <= set(legend)
    assert any("gnp.exe" in name for name in legend)
    assert watched.page.locator("#legend img, #legend script, #classes img").count() == 0
    assert watched.page.title() == "out"


def test_names_of_classes_can_be_read_on_a_telephone(watched):
    watched.page.set_viewport_size({"width": 390, "height": 800})
    box = watched.page.get_by_role("button", name="Apple 1", exact=True).last.bounding_box()
    assert box["width"] > 60 and box["height"] < 60, box
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_map_shows_every_image_and_fades_the_others(watched):
    before = pixels(watched.page)
    assert before["255,255,255"] < sum(before.values())
    watched.page.locator("#legend button", has_text="Pear 1").click()
    watched.page.evaluate(DRAWN)
    after = pixels(watched.page)
    assert after != before
    assert "21 of 68 images" in watched.page.locator("#map-note").text_content()
    watched.page.locator("#legend-all").click()
    watched.page.evaluate(DRAWN)
    assert pixels(watched.page) == before


def test_a_search_selects_and_hands_out_paths(watched):
    watched.page.locator("#search").fill("r_7_")
    expect(watched.page.locator("#map-note")).to_contain_text("3 of 68 images")
    watched.page.locator("#search").press("Enter")
    assert "Search: 3 images" in watched.page.locator("#selection h3").text_content()
    with watched.page.expect_download() as download:
        watched.page.get_by_role("button", name="Save as CSV").click()
    lines = open(download.value.path()).read().splitlines()
    assert lines[0] == "path,label" and len(lines) == 4
    assert all(line.endswith(("Apple 1", "Apple 2", "Pear 1")) for line in lines[1:])


def test_a_lasso_selects_what_it_surrounds(watched):
    watched.page.locator("#lasso").click()
    box = watched.page.locator("#map").bounding_box()
    right, bottom = box["width"] - 4, box["height"] - 4
    # The corners of the box are round: there the page behind it is clicked.
    watched.page.mouse.move(box["x"] + 30, box["y"] + 4)
    watched.page.mouse.down()
    for x, y in [(right, 4), (right, bottom), (4, bottom), (4, 30)]:
        watched.page.mouse.move(box["x"] + x, box["y"] + y)
    watched.page.mouse.up()
    assert "Lasso: 68 images" in watched.page.locator("#selection h3").text_content()


def test_three_components_turn(watched):
    watched.page.locator("#axis-z").select_option("2")
    watched.page.evaluate(DRAWN)
    before = watched.page.evaluate("Array.from(vergerReport.map.x)")
    box = watched.page.locator("#map").bounding_box()
    watched.page.mouse.move(box["x"] + 300, box["y"] + 300)
    watched.page.mouse.down()
    watched.page.mouse.move(box["x"] + 400, box["y"] + 340, steps=4)
    watched.page.mouse.up()
    watched.page.evaluate(DRAWN)
    assert watched.page.evaluate("Array.from(vergerReport.map.x)") != before


def test_all_by_keyboard(watched):
    page = watched.page
    page.locator("#map").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#live").text_content()
    assert first
    page.keyboard.press("ArrowRight")
    assert page.locator("#live").text_content() != first
    page.keyboard.press("Enter")
    page.locator("#card h3").first.wait_for()
    page.keyboard.press("s")
    assert "Chosen: 1 image" in page.locator("#selection h3").text_content()
    page.locator("#map").focus()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"


def test_errors_and_the_run_are_told(watched):
    assert "broken.jpg" in watched.page.locator("#errors").text_content()
    run_table = watched.page.locator("#run").text_content()
    assert "seeded:7" in run_table and "num images processed" in run_table


def test_neighbours_lead_from_image_to_image(watched):
    page = watched.page
    page.locator("#search").fill("swapped")
    page.locator("#search").press("Enter")
    page.locator("#selection .tile").click()
    assert page.locator("#card h3").first.text_content() == "Pear 1"
    near = page.locator("#card .tile .own")
    assert near.all_text_contents() == ["Apple 1"] * 3
    page.locator("#card .tile").first.click()
    assert page.locator("#card h3").first.text_content() == "Apple 1"


def test_a_swapped_label_is_contradicted_and_the_right_one_suggested(watched):
    page = watched.page
    page.get_by_role("tab", name="Labels that neighbours contradict").click()
    row = page.locator("#panel-1 tbody tr", has_text="swapped.jpg").text_content()
    assert "Apple 1" in row and "100.00 %" in row


def test_copies_are_one_group_and_a_wider_limit_takes_more(watched):
    page = watched.page
    page.get_by_role("tab", name="Near-duplicates").click()
    assert "1 groups, 4 images" in page.locator("#panel-2 output").text_content()
    page.locator("#twin-limit").fill("0.5")
    assert "4 images" in page.locator("#panel-2 .small").first.text_content()


@pytest.fixture(scope="module")
def columned(tmp_path_factory):
    """A page of images in two splits, one in both, with columns that the run kept."""
    root = tmp_path_factory.mktemp("columned")
    fill(root / "in", per_class=12)
    fill(root / "in", per_class=2, classes=("Apple 1",), split="Test")
    (root / "in/Test/Apple 1/r_1_100.jpg").write_bytes(encoded(photograph(77)))
    images = sorted(path.relative_to(root / "in") for path in (root / "in").rglob("*.jpg"))
    lines = [f"{path},{path.parts[1]},{path.parts[0]},{3 * i}.5,maker {i % 3}"
             for i, path in enumerate(images)]
    (root / "list.csv").write_text("\n".join(["path,label,split,weight,maker", *lines]))
    run(root / "in", root / "out", "--files-from", root / "list.csv", "--keep-columns",
        "weight,maker")
    for command in (["neighbours", root / "out"], ["inspect", root / "out", "--timestamp", TS],
                    ["report", root / "out", "-o", root / "page.html"]):
        done = verger(*command)
        assert done.returncode == 0, done.stderr
    return root


def test_lists_are_those_of_the_inspection(browser, columned):
    opened = Watched(browser, columned / "page.html")
    table = read_parquet(columned / "out", "inspection").to_pylist()
    page = opened.page
    ranked = sorted(table, key=lambda row: row["outlier_rank"])
    shown = page.locator("#panel-0 tbody tr td:nth-child(2)").all_text_contents()
    assert [f"{columned}/in/{name}" for name in shown] == [row["path"] for row in ranked]
    page.get_by_role("tab", name="Twins in training").click()
    leaks = page.locator("#panel-3 tbody tr td:nth-child(2)").all_text_contents()
    assert leaks == ["Test/Apple 1/r_0_100.jpg"]
    assert "1 of 2" in page.locator("#panel-3 p").first.text_content()
    groups = page.evaluate("""() => {
      const { review } = vergerReport.data;
      return review.groups(0.13 * review.medianNearest).map((group) => group.rows);
    }""")
    expected = {}
    for i, row in enumerate(table):
        if row["duplicate_group"]:
            expected.setdefault(row["duplicate_group"], []).append(i)
    assert groups == [expected[number] for number in sorted(expected)] and groups
    opened.page.context.close()


def test_pictures_that_a_run_measured_are_listed(browser, tmp_path):
    fill(tmp_path / "in", per_class=6)
    apples = tmp_path / "in/Training/Apple 1"
    (apples / "black.png").write_bytes(encoded(Image.new("RGB", (50, 50)), "PNG"))
    again = Image.open(apples / "r_3_100.jpg").convert("RGB")
    (apples / "again.jpg").write_bytes(encoded(again, quality=80))
    run(tmp_path / "in", tmp_path / "out", "--quality")
    for command in (["neighbours", tmp_path / "out"], ["inspect", tmp_path / "out", "--timestamp", TS],
                    ["report", tmp_path / "out", "-o", tmp_path / "page.html"]):
        done = verger(*command)
        assert done.returncode == 0, done.stderr
    table = read_parquet(tmp_path / "out", "inspection").to_pylist()
    opened = Watched(browser, tmp_path / "page.html")
    page = opened.page
    page.get_by_role("tab", name="Poor pictures").click()
    shown = dict(zip(page.locator("#panel-4 tbody td:nth-child(2)").all_text_contents(),
                     page.locator("#panel-4 tbody td:nth-child(4)").all_text_contents()))
    faults = {"dark", "light", "blurred", "flat"}
    assert shown == {row["path"].rpartition("/in/Training/")[2]: reason for row in table
                     for reason in row["reasons"] if reason in faults}
    assert shown["Apple 1/black.png"] == "dark"
    page.get_by_role("tab", name="Saved again").click()
    assert "2 images, at most" in page.locator("#panel-5 .small").text_content()
    assert page.locator("#panel-5 .grid").count() == 1
    assert opened.complaints == []
    page.context.close()


def test_the_map_is_coloured_by_columns_that_were_kept(browser, columned):
    opened = Watched(browser, columned / "page.html")
    page = opened.page
    names = page.locator("#colour option").all_text_contents()
    assert names == ["class", "split", "weight", "maker"]
    assert page.evaluate("vergerReport.data.columns[2].range") == [0.5, 111.5]
    colours = {}
    for name in names:
        page.locator("#colour").select_option(label=name)
        page.evaluate(DRAWN)
        colours[name] = pixels(page)
        if name == "maker":
            assert page.locator("#legend .name").all_text_contents() == \
                ["maker 0", "maker 1", "maker 2"]
    assert len({json.dumps(sorted(found.items())) for found in colours.values()}) == 4
    page.evaluate("vergerReport.open(0)")
    assert "split: Test" in page.locator("#card").text_content()
    page.context.close()


# SHA-256 of the map's pixels, 600 by 400, of rows that are drawn: in two dimensions, with three
# classes picked, in three, in the dark. A change of the picture has to be looked at.
MAPS = {"flat": "35f949e9cc9d1b1e33b53a4a49060c17d3476869d9df97861bb37b0e6ae2b493",
        "picked": "9e3a86262d8ad080e2588b98c5536a517f842121052de3023d5bf9dfb1ad3e4f",
        "turned": "b74440d44a6b0e929cd3caa4598966b5555e096ebf054633e97c8c150baf0f95",
        "dark": "253bdd6b6e69ee88241dc5e489cb4510797990f6a2c476b74820831c34ca3921"}


@pytest.fixture(scope="module")
def drawn_page(tmp_path_factory):
    """A page of rows that no arithmetic of a machine has touched."""
    root = tmp_path_factory.mktemp("drawn")
    random = numpy.random.default_rng(4)
    labels = numpy.sort(random.integers(0, 12, 600))
    rows = random.integers(-40, 40, (12, 4))[labels] + random.integers(-9, 9, (600, 4))
    target = root / "out/pca/parquet" / f"pca_{TS}"
    target.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.table({
        "path": [f"/images/{label}/{i}.jpg" for i, label in enumerate(labels)],
        "label": [f"class {label}" for label in labels],
        "pca_features": pyarrow.array(rows.astype(float).tolist())}), target / "part-00000.parquet")
    (target / "_SUCCESS").touch()
    done = verger("report", root / "out", "-o", root / "page.html", "--thumbnails", "none")
    assert done.returncode == 0, done.stderr
    return root / "page.html"


@pytest.mark.parametrize("name", MAPS)
def test_the_map_is_the_picture_that_was_looked_at(browser, drawn_page, tmp_path, name):
    opened = Watched(browser, drawn_page, color_scheme="dark" if name == "dark" else "light")
    page = opened.page
    page.evaluate("Object.assign(document.getElementById('map').style, { width: '600px', height: '400px' })")
    if name == "picked":
        for label in ("class 3", "class 7", "class 10"):
            page.locator("#legend button", has=page.get_by_text(label, exact=True)).click()
    if name == "turned":
        page.locator("#axis-z").select_option("2")
    page.evaluate(DRAWN)
    page.evaluate(DRAWN)
    data = page.evaluate("document.getElementById('points').toDataURL('image/png')")
    picture = Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))).convert("RGB")
    opened.page.context.close()
    assert picture.size == (600, 400)
    if hashlib.sha256(picture.tobytes()).hexdigest() != MAPS[name]:
        picture.save(tmp_path / f"{name}.png")
        pytest.fail(f"another picture, {tmp_path / name}.png: "
                    f"{hashlib.sha256(picture.tobytes()).hexdigest()}")


def test_confused_classes_are_selected(watched):
    page = watched.page
    row = page.locator("#confusion tbody tr", has_text="Pear 1").first
    row.get_by_role("button").click()
    assert "nearest is" in page.locator("#selection h3").text_content()


def test_unlike_images_are_listed_and_tabs_move_by_keys(watched):
    page = watched.page
    assert page.locator("#panel-0 tbody tr").count() == 68
    page.locator("#tab-0").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#tab-1").get_attribute("aria-selected") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_is_found(browser, page_path, scheme):
    # The checker is a script of its own, which the policy of the page keeps out.
    opened = Watched(browser, page_path, color_scheme=scheme, bypass_csp=True)
    opened.page.evaluate("vergerReport.open(3); vergerReport.select('Some', [1, 2, 3])")
    found = Axe().run(opened.page).response["violations"]
    opened.page.context.close()
    assert found == [], json.dumps(found, indent=1)[:3000]


def test_a_cut_page_says_so(browser, page_path, tmp_path):
    text = page_path.read_text()
    start = text.index('id="data-paths">') + len('id="data-paths">')
    (tmp_path / "cut.html").write_text(text[:start] + text[start + 8:])
    context = browser.new_context()
    page = context.new_page()
    page.goto((tmp_path / "cut.html").as_uri())
    page.locator("#broken").wait_for()
    assert "cannot show its data" in page.locator("#broken").text_content()
    context.close()
