"""One feed of each format, written by hand, with what real ones have and what they get wrong.

Not here: what is read from them (`test_feed_formats.py`).
"""

from typing import Any

URL = "https://news.example/feeds/main.xml"
"""Where they are said to come from."""

RSS_2 = b"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
     xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"
     xmlns:atom="http://www.w3.org/2005/Atom">
<channel>
  <title>The &amp;amp; Post</title>
  <link>https://news.example/</link>
  <atom:link rel="self" href="https://news.example/feeds/main.xml"/>
  <description>All the news</description>
  <language>en-GB</language>
  <ttl>30</ttl>
  <image><title>Logo</title><link>https://news.example/logo</link></image>
  <item>
    <title>Council &lt;i&gt;votes&lt;/i&gt;: yes</title>
    <media:title>Not this</media:title>
    <link>/2026/council?a=1&amp;b=2</link>
    <guid isPermaLink="false">tag:news.example,2026:1</guid>
    <description>&lt;p&gt;The short of it.&lt;/p&gt;</description>
    <content:encoded><![CDATA[<p>The <b>long</b> of it.</p><script>x()</script><p>Really.</p>]]></content:encoded>
    <dc:creator>Jane Doe</dc:creator>
    <dc:creator><![CDATA[ John Roe ]]></dc:creator>
    <category>Politics</category>
    <category domain="x">Local  news</category>
    <category>Politics</category>
    <pubDate>Monday, 02 January 2006 15:04:05 GMT</pubDate>
  </item>
  <item>
    <guid>https://news.example/2</guid>
    <title></title>
    <description>One two three four five six seven eight nine ten eleven twelve thirteen</description>
    <author>desk@news.example (The Desk)</author>
    <source url="https://wire.example/rss">The Wire</source>
    <dc:date>2026-01-02T03:04:05Z</dc:date>
    <dc:language>cy</dc:language>
  </item>
  <item><description>No identity, but a text.</description></item>
  <item><title>No identity either</title><link>javascript:alert(1)</link></item>
  <item><guid isPermaLink="false">empty</guid></item>
</channel></rss>"""

RSS_1 = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
  xmlns:dc="http://purl.org/dc/elements/1.1/">
  <channel rdf:about="https://old.example/"><title>Old</title><link>https://old.example/</link>
    <items><rdf:Seq><rdf:li resource="https://old.example/a"/></rdf:Seq></items></channel>
  <item rdf:about="https://old.example/a"><title>A</title><link>https://old.example/a?x</link>
    <description>Text</description><dc:date>2001-02-03</dc:date><dc:subject>History</dc:subject></item>
</rdf:RDF>"""

RSS_091 = b"""<?xml version="1.0"?>
<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://dtd.example/rss-0.91.dtd">
<rss version="0.91"><channel><title>Older</title><link>https://older.example/</link>
<item><title>Caf&eacute;</title><link>b</link><description>Text</description></item></channel></rss>"""

ATOM = b"""<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="https://atom.example/root/">
  <title type="html">Die &amp;lt;Post&amp;gt;</title>
  <author><name>The Feed</name><email>x@atom.example</email></author>
  <id>urn:feed</id><updated>2026-01-01T00:00:00Z</updated>
  <entry xml:base="one/" xml:lang="fr">
    <id>urn:1</id>
    <title>A &amp; B &lt;C&gt;</title>
    <link rel="self" href="self"/>
    <link rel="alternate" type="application/pdf" href="a.pdf"/>
    <link type="text/html" href="a.html"/>
    <author><name>Ann</name></author><author><name>Bob</name></author>
    <category term="t" label="Topic"/><category term="other"/>
    <published>2026-01-02T00:00:00Z</published><updated>2026-01-03T00:00:00Z</updated>
    <summary>Short</summary>
    <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>one</p><p>t<b>w</b>o</p><style>x</style></div></content>
  </entry>
  <entry>
    <id>urn:2</id><title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">x <b>y</b></div></title>
    <updated>2026-01-04T00:00:00Z</updated>
    <source><title>Elsewhere</title><author><name>Cid</name></author></source>
    <content type="html">&lt;p&gt;a&lt;/p&gt;&lt;p&gt;b&lt;/p&gt;</content>
  </entry>
  <entry><id>urn:3</id><title>Out of line</title><content src="https://atom.example/3.html" type="text/html"/></entry>
  <entry><id>urn:4</id><content type="image/png">iVBORw0KGgo=</content></entry>
  <entry><title>Nothing to know it by</title></entry>
</feed>"""

JSON_FEED: dict[str, Any] = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "JSON\nPost",
    "language": "nl",
    "authors": [{"name": "Feed Author"}],
    "items": [
        {
            "id": "a1",
            "url": "/a1",
            "title": "5 < 6 & 7",
            "content_html": "<p>a</p><p>b</p>",
            "content_text": "not this",
            "summary": "Short",
            "date_published": "2026-01-02T03:04:05+01:00",
            "date_modified": "2026-01-03T03:04:05+01:00",
            "authors": [{"name": "Ann"}, {"url": "x"}, "Bob", {"name": "Ann"}],
            "tags": ["x", 5, "y"],
            "language": "fy",
        },
        {
            "id": 17,
            "external_url": "https://other.example/",
            "content_text": "Just a note.",
            "author": {"name": "Old"},
        },
        {"url": "https://news.example/only"},
        {"title": "no id"},
        "no item",
        {"id": {"a": 1}, "title": ["x"], "tags": "x", "authors": {}, "content_html": 5},
    ],
}

NINJS_1: dict[str, Any] = {
    "uri": "urn:item:1",
    "version": "3",
    "firstcreated": "2026-01-02T03:04:05Z",
    "versioncreated": "2026-01-02T04:04:05Z",
    "embargoed": "2026-01-03T00:00:00Z",
    "pubstatus": "usable",
    "headline": "The   headline",
    "byline": "By Ann Author",
    "ednote": "ATTN: corrects the third paragraph",
    "description_text": "Short",
    "body_xhtml": "<p>a</p><p>b</p>",
    "language": "en",
    "subject": [{"name": "Politics", "code": "1"}, {"code": "2"}],
    "infosource": [{"name": "Agency"}],
    "renditions": {"web": {"href": "https://news.example/1", "mimetype": "text/html"}},
    "evolvedfrom": "urn:item:0",
}

NINJS_2: dict[str, Any] = {
    "uri": "urn:item:2",
    "version": "1",
    "versioncreated": "2026-01-02T04:04:05Z",
    "pubstatus": "withheld",
    "headlines": [{"role": "subhead", "value": "Not this"}, {"role": "main", "value": "Main headline"}],
    "by": "Bob",
    "bodies": [
        {"role": "caption", "contenttype": "text/plain", "value": "Not this"},
        {"role": "main", "contenttype": "text/html", "value": "<p>a &amp; b</p>"},
    ],
    "descriptions": [{"value": "Short"}],
    "subjects": [{"name": "Sport"}],
    "keywords": ["ball", {"value": "game"}],
    "infosources": [{"name": "Agency"}],
    "renditions": [{"name": "web", "contenttype": "text/html", "href": "https://news.example/2"}],
}

NINJS_3: dict[str, Any] = {
    "uri": "urn:item:3",
    "contentCreated": "2026-01-01T00:00:00Z",
    "versionCreated": "2026-01-02T04:04:05Z",
    "pubStatus": "http://cv.iptc.org/newscodes/pubstatusg2/canceled",
    "edNote": "Kill: see lawyers",
    "evolvedFrom": "urn:item:2",
}
