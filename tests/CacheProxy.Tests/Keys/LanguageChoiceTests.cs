using CacheProxy.Keys;
using Microsoft.Extensions.Primitives;

namespace CacheProxy.Tests.Keys;

public sealed class LanguageChoiceTests
{
    [Theory]
    [InlineData("de", "de")]
    [InlineData("fr;q=0.5, de;q=1.0", "de")]
    [InlineData("de-AT,de;q=0.9,en;q=0.8,*;q=0.1", "de-AT")]
    [InlineData("en;q=0.5,\tDE ; q=0.7", "DE")]
    [InlineData("de, en", "")] // both alike
    [InlineData("en;q=0.3, de;q=0.3", "")]
    [InlineData("en;q=0.3, de;q=0.3, fr;q=0.4", "fr")]
    [InlineData("fr;q=0.4, en;q=0.3, de;q=0.3", "fr")]
    [InlineData("*", "")]
    [InlineData("*, de;q=0.5", "")]
    [InlineData("de;q=0", "")]
    [InlineData("", "")]
    [InlineData("de;q=x, en;q=0.5", "")]
    [InlineData("de;level=1", "")]
    [InlineData("d\u00e9", "")]
    [InlineData("a,b;q=0.9,c;q=0.9,d;q=0.9,e;q=0.9,f;q=0.9,g;q=0.9,h;q=0.9,i;q=0.9,j;q=0.9,k;q=0.9,l;q=0.9,m;q=0.9,n;q=0.9,o;q=0.9,p;q=0.9,q;q=0.9", "")]
    public void Preferred_is_the_one_with_the_highest_weight_alone(string acceptLanguage, string expected) =>
        LanguageChoice.Preferred(acceptLanguage).ToString().ShouldBe(expected);

    [Fact]
    public void Lines_count_together()
    {
        LanguageChoice.Preferred(new StringValues(["de;q=0.3", "en;q=0.8"])).ToString().ShouldBe("en");
        LanguageChoice.Preferred(StringValues.Empty).ToString().ShouldBe("");
    }

    [Theory]
    [InlineData("de", "de", 2)]
    [InlineData("de", "DE", 2)]
    [InlineData("de-AT", "de", 2)]
    [InlineData("de-AT", "de-at", 5)]
    [InlineData("zh-Hant-TW", "zh-Hant", 7)]
    [InlineData("de", "de-AT", 0)] // the origin may have plain German
    [InlineData("deu", "de", 0)]
    [InlineData("de", "de, en", 0)]
    [InlineData("de", "", 0)]
    [InlineData("de", "fr", 0)]
    public void Match_is_the_tag_or_what_is_left_of_the_range(string range, string contentLanguage, int expected) =>
        LanguageChoice.Match(range, contentLanguage).ShouldBe(expected);
}
