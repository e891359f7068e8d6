using System.Diagnostics;
using System.Text;
using CacheProxy.Warming;

namespace CacheProxy.Tests.Warming;

public sealed class SitemapTests
{
    [Theory]
    [InlineData("<urlset><url><loc>http://a/1</loc></url><url><loc>\n http://a/2?a&amp;b </loc><lastmod>x</lastmod></url></urlset>", "http://a/1 http://a/2?a&b")]
    [InlineData("<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc><![CDATA[http://a/1]]></loc></url></urlset>", "http://a/1")]
    [InlineData("<urlset/>", "")]
    [InlineData("<urlset><url><loc/><loc></loc></url></urlset>", "")]
    [InlineData("<urlset><url><image><loc>http://a/deeper</loc></image></url><loc>http://a/higher</loc></urlset>", "")]
    [InlineData("<urlset><url><loc><b>http://a/within</b></loc></url><url><loc>http://a/1</loc></url></urlset>", "http://a/1")]
    public void Locations_are_what_stands_in_loc(string text, string locations)
    {
        var sitemap = Sitemap.Read(Encoding.UTF8.GetBytes(text), 100).ShouldNotBeNull();
        sitemap.IsIndex.ShouldBeFalse();
        string.Join(' ', sitemap.Locations).ShouldBe(locations);
    }

    [Fact]
    public void Index_names_sitemaps() =>
        Sitemap.Read("<sitemapindex><sitemap><loc>http://a/1.xml</loc></sitemap></sitemapindex>"u8.ToArray(), 100)!.IsIndex.ShouldBeTrue();

    [Theory]
    [InlineData("")]
    [InlineData("http://a/1\nhttp://a/2")]
    [InlineData("<html><body/></html>")]
    [InlineData("<urlset><url><loc>http://a/1</loc></url>")] // cut
    [InlineData("<urlset>\0</urlset>")]
    [InlineData("<!DOCTYPE urlset SYSTEM 'http://127.0.0.1:1/x.dtd'><urlset/>")]
    [InlineData("<!DOCTYPE urlset [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><urlset><url><loc>&x;</loc></url></urlset>")]
    [InlineData("<!DOCTYPE l [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><urlset><url><loc>&b;</loc></url></urlset>")]
    [InlineData("<urlset><url><loc>&undefined;</loc></url></urlset>")]
    public void What_is_none_is_not_read(string text) => Sitemap.Read(Encoding.UTF8.GetBytes(text), 100).ShouldBeNull();

    [Fact]
    public void Bytes_that_are_no_text_are_none() => Sitemap.Read(new byte[] { 0x1f, 0x8b, 8, 0, 0, 0, 0xff, 0xfe }, 100).ShouldBeNull();

    [Fact]
    public void Great_depth_and_great_length_are_survived()
    {
        var clock = Stopwatch.StartNew();
        Sitemap.Read(Encoding.UTF8.GetBytes("<urlset>" + string.Concat(Enumerable.Repeat("<a>", 1_000_000))), 100).ShouldBeNull();
        var longest = "http://a/" + new string('a', 2039);
        Sitemap.Read(Encoding.UTF8.GetBytes($"<urlset><url><loc>{longest}</loc></url><url><loc>{longest}a</loc></url></urlset>"), 100)!.Locations.ShouldBe([longest]);
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void So_many_are_read_and_no_more() =>
        Sitemap.Read(Encoding.UTF8.GetBytes("<urlset>" + string.Concat(Enumerable.Repeat("<url><loc>http://a/</loc></url>", 50)) + "</urlset>"), 7)!.Locations.Count.ShouldBe(7);
}
