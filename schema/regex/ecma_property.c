/* ecma_property.c - the Unicode properties of ECMA-262 (its tables 66 to 69) with their names in
 * PCRE2 10.42.  ECMA-262 is strict about case, PCRE2 is not. */
#include <stdio.h>
#include <string.h>

#include "schema/regex/ecma.h"

static const char *const categories[][4] = {
    {"L", "Letter"},
    {"Lu", "Uppercase_Letter"},
    {"Ll", "Lowercase_Letter"},
    {"Lt", "Titlecase_Letter"},
    {"LC", "Cased_Letter"}, /* L& in PCRE2 */
    {"Lm", "Modifier_Letter"},
    {"Lo", "Other_Letter"},
    {"M", "Mark", "Combining_Mark"},
    {"Mn", "Nonspacing_Mark"},
    {"Mc", "Spacing_Mark"},
    {"Me", "Enclosing_Mark"},
    {"N", "Number"},
    {"Nd", "Decimal_Number", "digit"},
    {"Nl", "Letter_Number"},
    {"No", "Other_Number"},
    {"P", "Punctuation", "punct"},
    {"Pc", "Connector_Punctuation"},
    {"Pd", "Dash_Punctuation"},
    {"Ps", "Open_Punctuation"},
    {"Pe", "Close_Punctuation"},
    {"Pi", "Initial_Punctuation"},
    {"Pf", "Final_Punctuation"},
    {"Po", "Other_Punctuation"},
    {"S", "Symbol"},
    {"Sm", "Math_Symbol"},
    {"Sc", "Currency_Symbol"},
    {"Sk", "Modifier_Symbol"},
    {"So", "Other_Symbol"},
    {"Z", "Separator"},
    {"Zs", "Space_Separator"},
    {"Zl", "Line_Separator"},
    {"Zp", "Paragraph_Separator"},
    {"C", "Other"},
    {"Cc", "Control", "cntrl"},
    {"Cf", "Format"},
    {"Cs", "Surrogate"},
    {"Co", "Private_Use"},
    {"Cn", "Unassigned"},
};

static const char *const binaries[][2] = {
    {"ASCII"},
    {"ASCII_Hex_Digit", "AHex"},
    {"Alphabetic", "Alpha"},
    {"Any"},
    {"Assigned"},
    {"Bidi_Control", "Bidi_C"},
    {"Bidi_Mirrored", "Bidi_M"},
    {"Case_Ignorable", "CI"},
    {"Cased"},
    {"Changes_When_Casefolded", "CWCF"},
    {"Changes_When_Casemapped", "CWCM"},
    {"Changes_When_Lowercased", "CWL"},
    {"Changes_When_NFKC_Casefolded", "CWKCF"},
    {"Changes_When_Titlecased", "CWT"},
    {"Changes_When_Uppercased", "CWU"},
    {"Dash"},
    {"Default_Ignorable_Code_Point", "DI"},
    {"Deprecated", "Dep"},
    {"Diacritic", "Dia"},
    {"Emoji"},
    {"Emoji_Component", "EComp"},
    {"Emoji_Modifier", "EMod"},
    {"Emoji_Modifier_Base", "EBase"},
    {"Emoji_Presentation", "EPres"},
    {"Extended_Pictographic", "ExtPict"},
    {"Extender", "Ext"},
    {"Grapheme_Base", "Gr_Base"},
    {"Grapheme_Extend", "Gr_Ext"},
    {"Hex_Digit", "Hex"},
    {"IDS_Binary_Operator", "IDSB"},
    {"IDS_Trinary_Operator", "IDST"},
    {"ID_Continue", "IDC"},
    {"ID_Start", "IDS"},
    {"Ideographic", "Ideo"},
    {"Join_Control", "Join_C"},
    {"Logical_Order_Exception", "LOE"},
    {"Lowercase", "Lower"},
    {"Math"},
    {"Noncharacter_Code_Point", "NChar"},
    {"Pattern_Syntax", "Pat_Syn"},
    {"Pattern_White_Space", "Pat_WS"},
    {"Quotation_Mark", "QMark"},
    {"Radical"},
    {"Regional_Indicator", "RI"},
    {"Sentence_Terminal", "STerm"},
    {"Soft_Dotted", "SD"},
    {"Terminal_Punctuation", "Term"},
    {"Unified_Ideograph", "UIdeo"},
    {"Uppercase", "Upper"},
    {"Variation_Selector", "VS"},
    {"White_Space", "space"},
    {"XID_Continue", "XIDC"},
    {"XID_Start", "XIDS"},
};

/* Short and long names, as of Unicode 15. */
static const char scripts[] =
    "Adlm Adlam Aghb Caucasian_Albanian Ahom Arab Arabic Armi Imperial_Aramaic Armn Armenian "
    "Avst Avestan Bali Balinese Bamu Bamum Bass Bassa_Vah Batk Batak Beng Bengali Bhks "
    "Bhaiksuki Bopo Bopomofo Brah Brahmi Brai Braille Bugi Buginese Buhd Buhid Cakm Chakma "
    "Cans Canadian_Aboriginal Cari Carian Cham Cher Cherokee Chrs Chorasmian Copt Qaac Coptic "
    "Cpmn Cypro_Minoan Cprt Cypriot Cyrl Cyrillic Deva Devanagari Diak Dives_Akuru Dogr Dogra "
    "Dsrt Deseret Dupl Duployan Egyp Egyptian_Hieroglyphs Elba Elbasan Elym Elymaic Ethi "
    "Ethiopic Geor Georgian Glag Glagolitic Gong Gunjala_Gondi Gonm Masaram_Gondi Goth Gothic "
    "Gran Grantha Grek Greek Gujr Gujarati Guru Gurmukhi Hang Hangul Han Hani Hano Hanunoo "
    "Hatr Hatran Hebr Hebrew Hira Hiragana Hluw Anatolian_Hieroglyphs Hmng Pahawh_Hmong Hmnp "
    "Nyiakeng_Puachue_Hmong Hung Old_Hungarian Ital Old_Italic Java Javanese Kali Kayah_Li "
    "Kana Katakana Khar Kharoshthi Khmr Khmer Khoj Khojki Kits Khitan_Small_Script Knda "
    "Kannada Kthi Kaithi Lana Tai_Tham Lao Laoo Latn Latin Lepc Lepcha Limb Limbu Lina "
    "Linear_A Linb Linear_B Lisu Lyci Lycian Lydi Lydian Mahj Mahajani Maka Makasar Mand "
    "Mandaic Mani Manichaean Marc Marchen Medf Medefaidrin Mend Mende_Kikakui Merc "
    "Meroitic_Cursive Mero Meroitic_Hieroglyphs Mlym Malayalam Modi Mong Mongolian Mro Mroo "
    "Mtei Meetei_Mayek Mult Multani Mymr Myanmar Nand Nandinagari Narb Old_North_Arabian Nbat "
    "Nabataean Newa Nko Nkoo Nshu Nushu Ogam Ogham Olck Ol_Chiki Orkh Old_Turkic Orya Oriya "
    "Osge Osage Osma Osmanya Ougr Old_Uyghur Palm Palmyrene Pauc Pau_Cin_Hau Perm Old_Permic "
    "Phag Phags_Pa Phli Inscriptional_Pahlavi Phlp Psalter_Pahlavi Phnx Phoenician Plrd Miao "
    "Prti Inscriptional_Parthian Rjng Rejang Rohg Hanifi_Rohingya Runr Runic Samr Samaritan "
    "Sarb Old_South_Arabian Saur Saurashtra Sgnw SignWriting Shaw Shavian Shrd Sharada Sidd "
    "Siddham Sind Khudawadi Sinh Sinhala Sogd Sogdian Sogo Old_Sogdian Sora Sora_Sompeng Soyo "
    "Soyombo Sund Sundanese Sylo Syloti_Nagri Syrc Syriac Tagb Tagbanwa Takr Takri Tale "
    "Tai_Le Talu New_Tai_Lue Taml Tamil Tang Tangut Tavt Tai_Viet Telu Telugu Tfng Tifinagh "
    "Tglg Tagalog Thaa Thaana Thai Tibt Tibetan Tirh Tirhuta Tnsa Tangsa Toto Ugar Ugaritic "
    "Vai Vaii Vith Vithkuqi Wara Warang_Citi Wcho Wancho Xpeo Old_Persian Xsux Cuneiform Yezi "
    "Yezidi Yi Yiii Zanb Zanabazar_Square Zinh Qaai Inherited Zyyy Common Zzzz Unknown Kawi "
    "Nagm Nag_Mundari Zzzz Unknown ";

static bool is(const char *text, size_t size, const char *name) {
    return name != NULL && strlen(name) == size && memcmp(text, name, size) == 0;
}

static const char *category(const char *name, size_t size) {
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
        for (size_t alias = 0; alias < 4; alias++)
            if (is(name, size, categories[i][alias])) return i == 4 ? "L&" : categories[i][0];
    return NULL;
}

static const char *binary(const char *name, size_t size) {
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
        for (size_t alias = 0; alias < 2; alias++)
            if (is(name, size, binaries[i][alias])) return binaries[i][0];
    return NULL;
}

static bool is_script(const char *name, size_t size) {
    for (const char *p = scripts; *p != '\0'; p += strcspn(p, " ") + 1)
        if (strcspn(p, " ") == size && memcmp(p, name, size) == 0) return true;
    return false;
}

enum ecma_property ecma_property(const char *name, size_t name_size, const char *value,
                                 size_t value_size, char *out) {
    const char *found = NULL;
    if (value == NULL) {
        found = category(name, name_size);
        if (found == NULL) found = binary(name, name_size);
    } else if (is(name, name_size, "General_Category") || is(name, name_size, "gc")) {
        found = category(value, value_size);
    } else {
        const bool script = is(name, name_size, "Script") || is(name, name_size, "sc");
        if (!script && !is(name, name_size, "Script_Extensions") && !is(name, name_size, "scx"))
            return ECMA_UNKNOWN;
        if (!is_script(value, value_size)) return ECMA_UNKNOWN;
        snprintf(out, ECMA_PROPERTY_MAX, "{%s:%.*s}", script ? "sc" : "scx", (int)value_size,
                 value);
        return ECMA_KNOWN;
    }
    if (found == NULL) return ECMA_UNKNOWN;
    snprintf(out, ECMA_PROPERTY_MAX, "{%s}", found);
    /* PCRE2 has all others under the same name. */
    if (strcmp(found, "Assigned") == 0) snprintf(out, ECMA_PROPERTY_MAX, "{^Cn}");
    return strcmp(found, "Changes_When_NFKC_Casefolded") == 0 ? ECMA_UNSUPPORTED : ECMA_KNOWN;
}
