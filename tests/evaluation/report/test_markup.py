from gedanken.evaluation.report.markup import Markup, joined, tag


def test_text_and_attributes_are_escaped_and_markup_is_not():
    inner = tag("b", 'a < b & "c"')
    assert inner == "<b>a &lt; b &amp; &quot;c&quot;</b>"
    assert tag("p", inner, "<i>", title='"><script>') == (f'<p title="&quot;&gt;&lt;script&gt;">{inner}&lt;i&gt;</p>')
    assert joined(["<", Markup("<br>")]) == "&lt;<br>"


def test_attributes_are_named_and_rounded():
    assert (
        tag("i", class_="x", stroke_width=1.23456, left_out=None, y=3.0)
        == '<i class="x" stroke-width="1.23" y="3"></i>'
    )
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'
