/* colliding_names: 4096 workspace ids that all have the same hash in uthash's default function, HASH_JEN. It has no
 * seed, and each of its steps can be undone, so such names are found in minutes. A name consists of one row of each
 * list; all rows of a list lead to the same state of the function. */
#ifndef TESTS_UNIT_COLLIDING_NAMES_H
#define TESTS_UNIT_COLLIDING_NAMES_H

#include <stdio.h>
#include <time.h>

#define COLLIDING_ROWS      64
#define COLLIDING_NAMES     (COLLIDING_ROWS * COLLIDING_ROWS)
#define COLLIDING_NAME_SIZE 49

static inline void colliding_name_write(unsigned number, char name[COLLIDING_NAME_SIZE])
{
    static const char *const first[COLLIDING_ROWS] = {
        "wWh37XbWMLueQly9x3OxFUD7", "5nmZ2Lqt-_x4WRFJ1k7JB8jf", "JeYMkqGbSZA_KnMy0TQF-OQQ", "FQARrlN1SiSEn4UDY694wpbB",
        "aVEDl9QtE3GI6Pa3eIX0neJN", "FFNCUanGjciQpqM0UN7db4MC", "hdN4UpP6uj-UdMGdGacmzr7I", "aC85sVbm26UCsZ0BWT3zcuNa",
        "tKFnw0IFGLFXXs3nCapkPk4Z", "2WrijJd1A7pvcpacY7TlNodi", "Ubj7yF5_tLyQvgYxPh2HxWHF", "opGqLC8CKkMph9V6u3QgN62C",
        "2nGXQdlymk9IcxGrmwPddrpP", "Er_HbwRQeqxUeQ2z4hLqy5Jr", "OFRCKNsDJKNNtA723sLJMIhO", "-Gqc5c8s85JDI-jZh3z--Aj6",
        "1AGjWt1WdVE3eiv6hgYqMiaD", "StQ9umEXHCqKg-B1L4FUkSoL", "TvZT-dkQ5553xdrRH_4zWA4l", "SgFbvNiQs4x-tubtn_sF368I",
        "qYnTAEGBim-S4oJjWXGBSG0D", "8zSXmAlmyjHMVxD-d_TEgiDQ", "pr06b58YwqYo3v6d35GHotz7", "91wJgonwbRkioyh5SrkcEpLC",
        "NypHCZ0LCR-DLeYHUtXPC8TD", "nxNx2ufwKLTDoSWEq2o78YaU", "7XIpVOwIdcv38rK4cxRl3thU", "pd3M0JHveZlHNllNZjjMrSzD",
        "ZD3-LM4h53M8PK9EjVlB1sgC", "6nttSFJrICTGrfvCFoF-yke6", "FKvcI7gYhT7wls_yGMjmabkz", "WVN1jC8lO9frLin7CFKZp2xC",
        "4040rpiQGBSO9odcfUR0N763", "WnEHCvFTsOyq69YFWm4xWwbE", "phBAMkZISIZp_WU6jeeUXYOI", "g-lrZCftPSOG3aaBldt1Iv8p",
        "P-ERasQStu9RBuWCtFUW7-Wc", "ax6M5TC2Zpybu1QIRA2zx_Qv", "hWgB5iqHUlKVd6UlQULhR3mZ", "EQpJPmsgVRX1pjUvFD1QsSTt",
        "ENvzOki_zQuFqQGNNYbVaOiG", "Kiiszib5C_3dk8fzO9k5HgQQ", "z87bRJNys3gwIhxyV25kw_FK", "Ukw2ntGoH_ySeLQZ_lh0VBVF",
        "YWRm-6zGkdFiJM9xgDHLfPDN", "tKjY1oI2fwEoHvIvjYwNshN5", "fNg0n1ZCJxIcwCU_a2fPYoMo", "qAC15UqLsfHK9-9T2P7qLD_Q",
        "C3pYrm5hW2DauYN3teUI0VBL", "eZiSUeSWOBmRNY1CyYkSKsz5", "2mc_Q7lepVFeFylfMzRcqS83", "jk9CrPRZerZoCR5FikOTGF3k",
        "7XsZOtwaBl0aHbcaM7TRRCdI", "M4xERpwsz1UCl2AmNbmIbi9j", "v2XwpUUSHUVNMXxXIf_2Lhqq", "psINqS-hQ2P_HI_lpbPJNj47",
        "kMPR49CPDaOrqxpNfcFxYO8V", "qNqisnsyizQZSsQqHjFIBkFI", "MFo2IEOdu3CexpAaezeXC546", "QkDgT2i13T1Vj_cc0n-T-Dqa",
        "dtoFj1LE9DvWSq5_VecmcS4A", "_snJIdIhz3wtfkGV7t6kxxqC", "rCrPcdKc4Klyv3bYEjVa01sq", "Sk62ptArBQJacBHKTa9BSzIe",
    };
    static const char *const second[COLLIDING_ROWS] = {
        "1ri5CTgv-dgKXPzEnQC76Bia", "vVA4knl63zyqOsnlsIMTIOW2", "ZmGnRmKchgm2aJyQXxiGSnij", "wAVIUPQ6x_MpbTNaFohmkaMe",
        "wpZ9yoE1OMSIl9pp48LWBsZd", "s_tmoSTE4r_tJ7eaHITKDL69", "KXL5imh40di-ZHfLHqmw2o8b", "_XZW7eVl5XCAkq1m_jbWg13P",
        "myjVuGfl3rNgL9P3jtzvG__A", "YlY3JIKR2Ej4qoU89TtaUIxm", "rm--GHYyQic-YVdjhOmALSxP", "KZEJXiGxtX-yFW7sDAOB1xQ4",
        "qY6gSVmvmx7GvaJ83Lh5pWZg", "fDnkfC_Po1TX88vlevlAx8wF", "XzarbaOJy9M8b3vWcF46t65A", "T6HaZRuq2Sx6xhghpu5S4xDi",
        "olhctxad6tEqrSP91VFljpQD", "HpCoP4TvxWpLHnBHms1vqYKm", "6Khsy6fgpOxqxYFGZ84MHj58", "jKq6Aem87WfIZ9spjMgmA817",
        "bPv-4r8jJMdNB_ZmipesBOP-", "f9zweXh7Im-sYIRqAe6ouEpq", "WAiRQBWnGwWHbY_DJXterx5b", "wvAr7Wn-aalXYPMBDR6W_6qi",
        "rHvvfhIbJETfWjOhoLSYHQ7M", "RY-5H692Zrm-NjsCHSw2Epuq", "dnZbQ4uWJTv20I5Es4pB1QNc", "n-o3vW4sir0GI5Qi1GRDokoQ",
        "hSir81oCnGIDvAONEmLEf8bU", "w1JhJLKhsCurbtQwa6dcYjZ2", "DxpD1C7GfPnRV5szwEiTsxyT", "UFUkm_WbrC4yAAaS_50JbsFg",
        "w1jtndK0ATZM7J76Rcorck3v", "bjHSzRq77fbcYfWiRSg2Pgv6", "r0YmdUxTphpugm570WFjIY5b", "tTapHOkTnlUyUwGwk68lREwH",
        "_QKnZ32LVbUzKS4oorFEs1Ey", "pQ9__eBnAdmFmqAP8jV4W6DC", "3_E1gyorOow3D0MGsBCx3Bzi", "FTr71asjPakUAImIB2jTrIbw",
        "vvl8w_YSKSxY8fgAumYunSyp", "x_slIzu5inR-CxLmJB8Pw30V", "aiq54MLNAuUm1bWt9ZqE8esg", "6PoKvs9hWUT_lKGef2K5dM6H",
        "S5AiOhOrMQIJ-Ywt7XT4ZhTY", "QSadoAZvGbWobtzKucYELO7q", "g6Pbq7d9Y6texAz52yXVZhqN", "XUbJRT9ulMQ7RxKNlIFiukSb",
        "4q57z3Nu_o3l87GPdoeuy7NA", "KQft1yi1t5liCbwPP9mqDq4e", "QJmHYsUqM1QV2kptyFZBkyjH", "ghA3-Dwhaz43jQyK6mowN-Wy",
        "KAF0okqILwgRq8JT_gIk_Czm", "KiearWbnl4023NDyhDU0H3WS", "OVX03VkQkgvmCr8Zdc2yPHu9", "S6_6RzP39-0b7locKCOvdYTu",
        "vPw2NRo4arPbDlHZyW24G8TK", "qze7CKz2Ea6lADmsB5PAazJE", "kBevhjkKgQGyb0cBzBjR23-l", "zlfHaIB5-_6hfaUDsJTghmVm",
        "7H7XZRYBhjQvfo0vjy_u7_zp", "a5R6AkmrBqe4FUsxUjuYcxfa", "fj0kGvOm7yvEYfUEWHozCRB1", "KtO2bacgMhtb1qZm3NEOkWPs",
    };
    snprintf(name, COLLIDING_NAME_SIZE, "%s%s", first[number / COLLIDING_ROWS], second[number % COLLIDING_ROWS]);
}

/* Others of the same length. */
static inline void usual_name_write(unsigned number, char name[COLLIDING_NAME_SIZE])
{
    snprintf(name, COLLIDING_NAME_SIZE, "%048u", number);
}

/* CPU time of this thread. */
static inline double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
