//! Values made by others.

/// Type 04 key of `typed_notes.tsv` in yaglo/signed_note 7280a37, made with transparency-dev/formats.
pub(crate) const COSIGV1_VKEY: &str = "\
    vec.example/cosigv10+c12688da+BLMSTPoQj0PojM8eKiPf9xUT8g6b0OuMyvYb5sSu9JH5";

/// Its co-signature over the checkpoint of [`typed_note_text`].
pub(crate) const COSIGV1_LINE: &str = "\
    — vec.example/cosigv10 wSaI2gAAAABqbL5Q3HjbTCJeqMg3tmpdYGAg05ijTi7k0pyreJSULmtv3g+yXH+G/Ko87JG+QkLF6\
    af9+GVVNlEIgf6T0bw0wQyMDw==";

/// Type 06 key of the same file.
pub(crate) const MLDSA_VKEY: &str = "\
    vec.example/mldsa0+14ad78cd+BneZx6IfUOavFKJlfDKlYPNB8QmCkMNHi9LBzDDm3jF8x32w4AhbSYMAJOz83k86HJyKaYXm\
    y8zBWXqmr0hkJBQudvQncnTQ+EG/Dsf4dCaNhS0vTqUgxzBPEwd17lL8+rkAUDF+7PsiDJQv7ZIDAW6MwfIvE4X7l9Dwiu262QKl\
    fsmfIB+c0qoWhUeB8iGLB95nq6zbn9Vq4mlk/f+DfnT/CmDCyVFanzTSMCjmuOAch/RvXzyaf9ZYWF4YH4QWOSL9rJcaE1wbvULj\
    j3uTqY9R/nTGCEQGdZSEORLmvOIuAvm7de6hZw4ShKnMLNdFVEnR7bxuOe6CxgrfK/7VqJ7W8xFdGMcub2ORy8Fop9FnHHmdZ+Cg\
    lD4QMYB5QH52fpF19YBDARUEOefhNSoThF5xrPhBt6yu5PGgelrlSc/kembUToYmtxddtCTg4sRNq7dGdzMqGdXnQy7W48sc33O1\
    BNL+En/TpwygWRGy63UaGqzA0mJZabsOKJqrhHXj+4FZWAEd0Xp4kA0UhRPjDswbpel9dkJXRkDOOLVQ/RshP3gy7B+LvDJ/Jh8L\
    sbCOHvGKanZ5dAVeo9PoHsB7ueFkGpazQ/sBq3KNdo2AhL9oC2gTRvJsRVCFEd4h2eNMowFmF+zo+U1PnVdCYirgM+sonqaZt7j0\
    9AhkfihQ3AUqANL/3APbzlpRHjYVVz0TD/n7Hx4SWiTBeMRXcdVOkMWv8iL/eeBvGmbijZFdDw0zN61+SXBIaU2gM2GfbF/FhUmh\
    Or6TNxQdNMfLb0nHRVciuqPI8H2fJX7M7YQXLY5z6/6XRGtG24di7tPVWfQB7N7QopJ4yyQ7Po+DpS1TjCSpLTQY9tGx8XPv6Xdf\
    Wb+iVpCX7jYE6n9Z7fya1ooSVkyA6RBeo/XyTAph+zQekOXkoIU1Ks7XMS6kxbIu9Crs3kJ8/nMObw5MW3UQZe83jEbnluXLMfol\
    N9TCpZg7rNeIy0ubDN/n4jnk4G3n8+GaC6hQWtfIVmU3YLXghDNYM2Ow5hv1/hvtnZaJ96620SWwvBtQFupEu/1gpZkZcJP6Q1Pt\
    AIf6+f0sRQHDzxeuGnrnClN7AsbiLrFtpJ4VO/VyX7TM0Mm9V32qubLJak3tHphvKc/5nQBcYQq8GyMn71cY5nzX9ECaUVeBD/gJ\
    wNLD501DT0keqNh2E/0SYZTlydXhOvSg7Yrf6t7mWLzyxXbo+erH2oaPzYyM08rKr/9wEOsS54DADZTa9PB1S7tmo7j9GVgNB9ek\
    uffivKutU6lws1ete79V4CCb00wfMCjSFdnhzGBr/QgcJ75Ed4n6SemPf6lID8dK4g8lT7BF+Hq2XsUwkoknkACqLXArIk0NSsPX\
    nsCybm6Y0GDn6T9y3LizClKLAy5HPE2xj0GsaBSufSS1Z+PiNDCl6RvDwW2J3/g2WXlVPtBHd4OXlQSXPc93xpaKvGKZ2VYQtscW\
    kmO8blhyD6bJ8zHXtHMUGDjH3OOWKui/4TTxTaLRc4EzhFJfU6JcrS4K9gt5LA4Zxrf8lk4bmAVq3jXkOfBoCEBhg/Q4IWBwJ7Lg\
    uuQA2t5VRVDF+e3MEyy0VHpvhKtkherkB6VUiEZScEr3M41NzvdHX4QXNXKnTABDeSwAiWeFIgSI0uzCXH5RcvPt1pnkV30idW6h\
    OVenjX8P24jEMDKc89H7ZgeERFX2rCbREnzuhQ3N5l+OaWF3MiOF4dp8GYUkTecKHAekRty46uHbH5c=";

/// Its co-signature over the checkpoint of [`typed_note_text`].
pub(crate) const MLDSA_LINE: &str = "\
    — vec.example/mldsa0 FK14zQAAAABqbL5QwHDE6tSkLQ25vOd0fCDOYcJb5oPCgrWdnZ357LSuiJFYQlv3ZRQMRi5+fkzgNh7\
    x2EhEM6Mt3AuBubE9PwfodBArG/BaT0kMp8KsSiMVcMW5XEPmQY8HuyTxhmLRY83rZEjcL4xrb41i+BEmdf2fp2myYOtYYbMGySZ\
    oWkxNpZ2B6iZK8Xk1WNzy3panEhe1hhqnKUx7X1bgDJutzwl9BVcNRtVvbvbwZaYU6bBcVBo61O3SEJyRBzwL474iyv+YwbxLxMD\
    /PIevDaNqD+AussXMwx0zRVHOgfyMPKPJxEJ4fzQBuT/rbTXQ0AyYkidACwDlvDBJutXhxhphoW0/DknJ6lpXDX1B+uKph2/wKJB\
    yvs2Uu6Y/7ADUuvjDU8BP6p5kuQgvqO4JUkwZuwGXkON0XukudGdknsmmVgzmvZFFHDyvJ6YDyIkJlp3CqfVddAm5nS7kjHw3Zgl\
    OROZB1206xgPCW+l27ZP35HmQeMzt4OjQFJntF0leDq9tvdHqGBFD4lnDO8OIfk13H9WgBqeMMeOByds4c9BlhrRQ7rLbhfujfV2\
    W7fS5/Bq2hPaowm219aziMr260LdmWOdDMJWfXkaUDIVeKa+WwQ0OFpdNOMH9GhtmTbFWO+knr9lQHp+vWkovTrAOF7CZdsyHVlU\
    LxBMyOZnbrOwbrdPpNiBlP/O2mkSVjKpSieLo0jbR5lfIDwlFb33iVx7fP/H0UZIawTdQ9Rsp9uZ3M5ybabYft6x00xIY3UbCm1n\
    Wa8yjIrBog/OIkUv1+UaGTTkTSopCFI2U9kHJIQKo97iJYqQwy6HtDt134tzRBz7Lq4JfDyV+WaT1BIQJN6pSwT3JK9nIYtRalkl\
    Ozo+xry965JohG8RJ7NYjHp+j7BKI7D73YdFK3P52b5oEtj9BIcYOh2UX1B4/560SpE9hUUHPH+YjIddyGea5oKi7zBRcUclf0N4\
    s6LeOFKo3YSrLppNwhBplQGv1/yTrCU0VJ9gZjVkd8meUMrt2E4G1p3HdgcZa+GvX9hW0TSVbg2wrvruc64E9xpKinu14thjrHm+\
    ME/In1LLfNFV9ygDDeYX+tQRrLApu/6wTjV/B3qIWzJ77ClgQlHbUZ4cqEYiD66vw97luhA/yoiSImZ3ZgS2YMahwkfVaB74LOUF\
    zTuG/rW0NVKDzzwGYItgF0Df46g3zE3OHqjol4+kBCv/JyXHZ+jsKFh9+ez4JALNarEuwzffs8kZ+esIKwHgWYhk+qqTfnmHxXOr\
    04r+nMJJIYrm34A6GnLC6Y0LD+VIWsaLcPcjyexGodI22Ld7H73RMdecGNGHRGIgzRm9SglPenAcIpykz6kT7KZ7lkKi73iO/pjb\
    wOupMh5Ov30Cf+7Y7QUHyCuj+zn0kPm97xoPvi51vJa/09OuQO9JQtF69aPKNJTHFGtl1EhMTYvhu+gy8Tm4TWW+bTRfDLB4iCqK\
    VuTQdCW01saslXQVIK6V2L/MdXLS6TMF0oWPBPt/0D0bMbaf3TFhTQmZcy+XvJAf17Q92a9WMxefAf6gwLtbEeoFmaOoOXWu9yQm\
    Xt6F+HgD8F0RUNA99AgGE3enEMDgBYXXbmaWV20fG50ZWpZuJMPDLStxTjy022rhYDpn8wbSXcZxjWmbRZklE6FK5IdWPCfMJyRG\
    u8zj/lLJnq/hZzhhERwl5dJC0rfJy0jwnL7c35f50fz7Aynb7+US+l9tqZv+leQHQLrRkGJ2fz4ej1+r/eiON9u3QkdNDjlefyMl\
    tZGlZu1oa39Qo4vObpm8K7NfyypJQ3Z9R5QyD2Punsbj0d9V08APHFaAZv0SatihudaGlmvW1UxbhJ4DftsLlLeMQvfdppozQun9\
    2if3Ac/t/6mfO2vsbapeOM/RSNxElPSTieNv/bZrFo81FHJMBDjKx+1uAO3TGxxaqmO6m/1jffHDiDiFZZuhPgJ3sfvYmSeORj7Z\
    CldicVe07oYVbsfm3gQqAkwI5sGY+gXJ54blS4KkroZOPqvODfvwqzehTPeD0eqacGNbaxvvUTaKA0E2RkrALPLtuB7VQue6btE/\
    JD3qV0Y1lFV/+3Uow8essdESMeRdWwu327AqyF4RvZSEJI0NpwNV/fxUBBoNSXv4F2kVSDr7/WzmF0gdf+CMY/hlRvB/scFbCuwu\
    gV0KiXrbYr6IMuXYC/ujqrgQNjVNlhEiEN30we0t5QbM7mkQFSSmHA58CIbBl+/HA4Zt7eoDnHad/LOp5LZsfw1dAG8C/hy9D/2N\
    eqYKizAVcMUiLAQmcHq3h5pc242AtfTDKJnDCbkbxy/NVRq9mmGHLsq/mDeQONnasWlFEmcGrOI1zlUQ9C/ozHOcDetIsNnQUIkA\
    f7QpvQm86JxPuuqQ1wLCsJUexoqWOGj8oGYvm9w54vyDH7MAm3c9kT3w+51QH8aGxO4Qg5ywis5oNPs1YvZfSt4ACuj64CngQ8O9\
    pBGGr7r19amupgLAvLkZnJ5Z09AWqFhszXom5i2hlJjSBOg7vnHRyNNwooBzkVGeZAFTjwqjmptGljoO047qW78Im2nRuSIyjZIc\
    2YhsMvLTRhdz2EemBi8j8hSwX3RL+jxyWCL6XSojSRZ8w7O7bkHFlpJdvZKJnZV5C69pTaD4tXf0OjZSyU+gIvmG6rlGqhDNmtOu\
    YtECoHrZ3To+PyN8kcxZlvGgLxjix0VdbpA4KqfoHStYo0/IOJVvyv0O/p8UHT28Up1pi+W/zSvGw7Bn4XupCoYPkC8GKCxtyExK\
    NrR6YXUqb36p/xZUXrXaaIGJ9p1+JBRSWJ3Bfn04Wfh3UiqPVXp3wP7fjRKBhsihCLbKW8qo40kIzOSOpjY6mlerewD6Kx5LKl8L\
    CygTMIASjqpnedLe2Lm7hSTyxY5Bem9xix6RBZCjErj5fhjVwuFBLR2IPdSYgzOQ42eSzLGXk31TFCvI7uPXSJIZ/03uKbm6Zbvf\
    BwvsnJ0VItCCVi15hz/dgRP/67GE7EtGLmLSzKPdp+T4Ep+3BzMhxGI74OMshx4/N+t7Mh4rSjLdziUiZKi+fRQnY5Ba+9Kxw5p/\
    3XlcenNZW/zWpFmwYDgKH2Ny5pIUC2cJTmrF3UiiexX9nZ16bS0pERlqrsrW62N7u9gEDBwkQISIjNzo+RWF2nqe+xNPY8QkQFyg\
    1SFFdZ29+gpKXnKXN09Tg5fMMDSIwNTxHanidvsHKAAAAAAAAAAAAAAAAAAsgNkM=";

/// The checkpoint of every note in that file; its origin is the key's name.
pub(crate) fn typed_note_text(origin: &str) -> String {
    format!("{origin}\n42\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n")
}

/// `mldsa44_seed_key.tsv` of the same repository: a seed in hex …
pub(crate) const MLDSA_SEED: &str = "\
    0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";

/// … and the base64 of its public key.
pub(crate) const MLDSA_SEED_KEY: &str = "\
    UQyb/R3XN09Oiucd1YKBEGqTQS7Y+jV/dLu0Zh7LGSG79cXBWBopODNyaPrw7NrZbVn6wZVctLujueWQV3+fQigw7qRYPYeXgBaJ\
    RmHU1QbIUhkvFLplA8FG/fTUIZ6obbQNscQ22bd11PLQW5QgnF/g2ybMXKJONdGS9xiTHe/Q/k1oroa9p6m7ErEk4PPXfNMPHEOo\
    wLat2jL3iKP4cxS0mC559BuPUR5nLRrHbw/ysDtd08QNRwCVg1ZRYhmMiJz+zzeGXWRyfWPBqg5YjK/pzE4uQRH5nknVxC2UjoHc\
    qQUwiWq6OPQl9E6sGGK8chDAadsb8zGhVyOkcI2CCkeKd8gW0GhTMJG3XfggodXtHK++uyz0eLCWMTa34P7L9fL8U3QTRKVUvtJU\
    h5Lqydlj7PEDaxJ7I4fkGIcSwIcvBokHqWaO3W0F+TChxdF7HBiZzfgyU/b+OcQQFNioWhH8ckjecvOsW5e//TBwfhW2FpxfTDF+\
    yRkFt1hxJpldrudEHweoE41/xDClakrHkdDu9dLBGZbx48nVugmIDMKR8Huw64VeIEADbSLqdR9tp0xSUAiytQN3+vhzK0eMITKV\
    jXJdZi3EyOhn4r50P4VqVR1hVwA3hqDRIDUWTismYjqJLGYDme62zlr51TwY1FeECQho6Tc4GrXxDBUPwija2n0RcitwZuEfRm1I\
    8Nqk7xbWRfF8sgVlBzoxt/XoDNlmHl0mMo7wNDEB5GMq7RXm1qxe0E2t4/x1aXak92VU4E1crNNgl+Q5T3UsRMXCo+QYgYekdvlR\
    JTKrRAbCk/vdGXvqFW1AiqhnRIhyb9fhk1fVCx8vRegcX6BcRmYc915iuu1c9c/UnL3HP40+ZS4Zq1B7Oq8Ljluee+FPzMOpVDqb\
    2aOXuHOrTEyTwEzkl2G+9UNLStWZTI6RZ1oQR6yZBjz2fdCDfdqVXOipx7hNSopHjPRs8/LlbfSBc3cz3lalatMAg+bGkyK9kFpw\
    2yEkQtPMNbsvVQQ2B6qha8qpIwLx+dSoo1asJf2WLhNNEptPnBcMWJpkcdncumR+aOQdRQZ/59s8SjTErvdFOPuNdTb2dQGh9tvY\
    yiiJ3vXxx4fv3fKqTnIuH/Zio2abVB2eabxj7tylv9kWE5QqK83heRtM2afGVdXHjI5EjoeBMMg5eXchB8znkY08LOl1z32vTCoQ\
    yHOVbGnz+//qGgxXBig49IDF4iKjaMwBCIbijsipY26WvNHXXxgzjIecqX2lm30O7R8vTUZalLbEK6QOylX0RKE9bMTU7AgvEbRV\
    Lhdxuux5uK4HP6TiIOFLSs+ml9IBx5WwvubBlRxaQnHohTzGAhQxoZbYWNGEoAauG+XION3ftmQP4UywX2EjijG4gJmXVBgMNXEu\
    zVzDZMwYYmpdmk9hFJNSWeeUI03rWuMzSiv/ltCzOiMstYVU0AVauYXmIynO6CCk4UuIIvIDcIZ5Bh9VdRz9MKb4SZElPK7pST89\
    n9rORgFhHWJWfw8+ugDXa8KF0wAlDYsT7EGc19ldU7yixwajbqZa3OdzJDZuHIL3j+nAOkL9RK5tOPGdvDEUavNOmV62VaEN9y89\
    hLT0Xyg5dYw7ikQBgb4sQFB5P2hkFzL6k6YCSyEqUIOGKVhrLsrovIC08WQ6IcUvCByeitHYnS4NxrZMq4jwrVS4yB7XTxsQKD0r\
    HY1YKQCTZ3lB9xvXuGRrxSfNgnBZC0/Xb1nNKayJda2lxxNc9g==";
