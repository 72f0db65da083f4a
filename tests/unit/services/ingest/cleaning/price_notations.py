"""Prices as people and programs write them, and texts that are none."""

from __future__ import annotations

READ = r"""
$9.99 USD -> 9.99 USD
AU $1,250.00 -> 1250.00 AUD
US $12.50 -> 12.50 USD
USD 10 $ -> 10.00 USD
CAD$5 -> 5.00 CAD
$5 CAD -> 5.00 CAD
5,00 $ CA -> 5.00 CAD
5 $US -> 5.00 USD
C $12.50 -> 12.50 CAD
MX$250 -> 250.00 MXN
MXN $250.00 -> 250.00 MXN
NT$1,200 -> 1200.00 TWD
S$15 -> 15.00 SGD
R$ 1.234,56 -> 1234.56 BRL
R $ 50 -> 50.00 BRL
U$S 100 -> 100.00 USD
RD$500 -> 500.00 DOP
$ 12.500 COP -> 12500.00 COP
CLP $12.990 -> 12990.00 CLP
€12.50 -> 12.50 EUR
€ 12,50 -> 12.50 EUR
12,50€ -> 12.50 EUR
12,50 EUR -> 12.50 EUR
EUR 12.50 -> 12.50 EUR
EUR12,50 -> 12.50 EUR
€12.50 EUR -> 12.50 EUR
12 euros -> 12.00 EUR
1 Euro -> 1.00 EUR
10 EUR VB -> 10.00 EUR
50 € FP -> 50.00 EUR
50 €VB -> 50.00 EUR
50€ (VB) -> 50.00 EUR
VHB 1.200 € -> 1200.00 EUR
1.200,- € VB -> 1200.00 EUR
Festpreis 80 € -> 80.00 EUR
50,– € -> 50.00 EUR
50,— € -> 50.00 EUR
€ 50.- -> 50.00 EUR
Fr. 50.- -> 50.00 -
Fr. 50.– -> 50.00 -
CHF 50.-- -> 50.00 CHF
CHF 1’200.00 -> 1200.00 CHF
CHF 1ʼ200 -> 1200.00 CHF
CHF 1´200.50 -> 1200.50 CHF
1 234,50 € -> 1234.50 EUR
1 234,50 € -> 1234.50 EUR
1 234,50 € -> 1234.50 EUR
12 990 Ft -> 12990.00 HUF
12.990 Ft -> 12990.00 HUF
5 000 HUF -> 5000.00 HUF
1 299 Kč -> 1299.00 CZK
1.299,- Kč -> 1299.00 CZK
1299:- -> 1299.00 -
1 299 kr -> 1299.00 -
1.299,00 kr. -> 1299.00 -
kr 1.299,- -> 1299.00 -
kr. 500 -> 500.00 -
12 500 ₽ -> 12500.00 RUB
12 500 руб. -> 12500.00 RUB
500р. -> 500.00 RUB
1 500,50 грн. -> 1500.50 UAH
49,99 zł -> 49.99 PLN
PLN 49,99 -> 49.99 PLN
49 lv -> 49.00 BGN
49,00 лв. -> 49.00 BGN
250 RON -> 250.00 RON
250,50 Lei -> 250.50 RON
1.250 TL -> 1250.00 TRY
1.250,00 TL -> 1250.00 TRY
₺1.250 -> 1250.00 TRY
Rp 50.000 -> 50000.00 IDR
Rp. 50.000,- -> 50000.00 IDR
Rp50rb -> 50000.00 IDR
Rp 1,5 jt -> 1500000.00 IDR
50.000 ₫ -> 50000.00 VND
50.000đ -> 50000.00 VND
1.500.000 VNĐ -> 1500000.00 VND
RM50.00 -> 50.00 MYR
฿1,500 -> 1500.00 THB
₱1,500.00 -> 1500.00 PHP
P500 -> 500.00 -
R500 -> 500.00 ZAR
R 1 200.00 -> 1200.00 ZAR
Ksh 1,500 -> 1500.00 KES
KES 1,500/- -> 1500.00 KES
500/= -> 500.00 -
₦5,000 -> 5000.00 NGN
₹ 1,50,000 -> 150000.00 INR
Rs 1,50,000/- -> 150000.00 -
Rs.500 -> 500.00 -
INR 500 -> 500.00 INR
₹5 lakh -> 500000.00 INR
₹1.5 Cr -> 15000000.00 INR
₨ 500 -> 500.00 -
PKR 1,500 -> 1500.00 PKR
¥1,200 -> 1200.00 JPY
1,200円 -> 1200.00 JPY
JPY 1200 -> 1200.00 JPY
1.5万円 -> 15000.00 JPY
₩15,000 -> 15000.00 KRW
15,000원 -> 15000.00 KRW
CN¥ 50 -> 50.00 CNY
50 RMB -> 50.00 CNY
500 AED -> 500.00 AED
AED 1,500.00 -> 1500.00 AED
د.إ. 500 -> 500.00 AED
٥٠٠ ر.س -> 500.00 SAR
١٬٢٣٤٫٥٠ ر.س. -> 1234.50 SAR
۱۲۳۴ -> 1234.00 -
₹१,५०,००० -> 150000.00 INR
₪ 120 -> 120.00 ILS
120 ₪ -> 120.00 ILS
KWD 1.250 -> 1.25 KWD
KWD 1,250.500 -> 1250.50 KWD
KD 5.500 -> 5.50 KWD
１２３４円 -> 1234.00 JPY
＄１２．５０ -> 12.50 USD
£12.50 -> 12.50 GBP
GBP 12.50 -> 12.50 GBP
£ 12.50 GBP -> 12.50 GBP
£12 -> 12.00 GBP
£12.5 -> 12.50 GBP
99p -> 0.99 GBP
£1.2k -> 1200.00 GBP
1.5k€ -> 1500.00 EUR
£2K ono -> 2000.00 GBP
£1.2m -> 1200000.00 GBP
1,5 Mio. € -> 1500000.00 EUR
15 тыс. руб. -> 15000.00 RUB
£50 o.n.o. -> 50.00 GBP
£50 ONO -> 50.00 GBP
£50 neg. -> 50.00 GBP
£50 negotiable -> 50.00 GBP
£50 (negotiable) -> 50.00 GBP
$50 OBO -> 50.00 USD
$50 or best offer -> 50.00 USD
$50 firm -> 50.00 USD
$50, firm -> 50.00 USD
$50 fixed price -> 50.00 USD
$50 each -> 50.00 USD
£5 ea. -> 5.00 GBP
£5/pc -> 5.00 GBP
£5 per item -> 5.00 GBP
5 € pro Stück -> 5.00 EUR
5 €/Stk. -> 5.00 EUR
Price: £50 -> 50.00 GBP
only £50! -> 50.00 GBP
£50 only -> 50.00 GBP
£650 pcm -> 650.00 GBP
£650 per month -> 650.00 GBP
650 €/Monat -> 650.00 EUR
$20/hr -> 20.00 USD
₹500/kg -> 500.00 INR
£10-£20 -> 10.00 GBP
£10 to £20 -> 10.00 GBP
10–20 € -> 10.00 EUR
10 bis 20 € -> 10.00 EUR
10,- bis 20,- € -> 10.00 EUR
10 - 20 -> 10.00 -
10,00 € – 20,00 € -> 10.00 EUR
from £10 -> 10.00 GBP
from 10 -> 10.00 -
ab 10 € -> 10.00 EUR
starting at $10 -> 10.00 USD
Starting from $10.99 -> 10.99 USD
à partir de 10 € -> 10.00 EUR
desde 10 € -> 10.00 EUR
od 10 zł -> 10.00 PLN
от 500 руб. -> 500.00 RUB
ab 1.200 € VB -> 1200.00 EUR
£10+ -> 10.00 GBP
Free -> 0.00 -
FREE! -> 0.00 -
gratis -> 0.00 -
kostenlos -> 0.00 -
Gratuit -> 0.00 -
offert -> 0.00 -
Bedava -> 0.00 -
0 € -> 0.00 EUR
Price on request -> none
POA -> none
P.O.A. -> none
Call -> none
Call for price -> none
TBD -> none
\N -> none
Auf Anfrage -> none
Prix sur demande -> none
a consultar -> none
договорная -> none
VB -> none
Negotiable -> none
n/a -> none
&pound;12.50 -> 12.50 GBP
12,50&nbsp;&euro; -> 12.50 EUR
&#163;5 -> 5.00 GBP
$.99 -> 0.99 USD
12 -> 12.00 -
12.5 -> 12.50 -
1299 -> 1299.00 -
1,299.00 -> 1299.00 -
1.299,00 -> 1299.00 -
1 299,00 -> 1299.00 -
1'299.00 -> 1299.00 -
10,00,000.50 -> 1000000.50 -
19.989999999999998 -> 19.99 -
£10 £ -> 10.00 GBP
$ 1.200 -> 1200.00 -
$20.687,00 -> 20687.00 -
$ 12.500 -> 12500.00 -
$U 500 -> 500.00 UYU
¥79,295.00 -> 79295.00 -
,50 -> 0.50 -
12,0000 -> 12.00 -
0,990 -> 0.99 -
1,250 KWD -> 1.25 KWD
TND 1,250 -> 1.25 TND
0,123 € -> 0.12 EUR
10,00-20,00 -> 10.00 -
1.50-2.00 -> 1.50 -
€ 12,95 p.p. -> 12.95 EUR
ca. 50 -> 50.00 -
ca. 50 € -> 50.00 EUR
about £50 -> 50.00 GBP
CA $5 -> 5.00 CAD
S/. 50.00 -> 50.00 PEN
="5.00" -> 5.00 -
'6 -> 6.00 -
50 cents -> 0.50 -
12.00 (EUR) -> 12.00 EUR
sold -> none
Verkauft -> none
$1,200.00/mo -> 1200.00 USD
$50 obo -> 50.00 USD
0.00 -> 0.00 -
1 234,50 zł -> 1234.50 PLN
1,234 -> 1234.00 -
1,234 € -> 1234.00 EUR
1,5 -> 1.50 -
1.23E+12 -> 1230000000000.00 -
10 000 kr -> 10000.00 -
100 AED -> 100.00 AED
12.345,6 -> 12345.60 -
12.50 EUR/pc -> 12.50 EUR
1299 kr -> 1299.00 -
250 lei -> 250.00 RON
50.- CHF -> 50.00 CHF
500 грн -> 500.00 UAH
500,- -> 500.00 -
9.99 USD -> 9.99 USD
99¢ -> 0.99 USD
CHF 1'200.00 -> 1200.00 CHF
COP 1.200.000 -> 1200000.00 COP
Contact for price -> none
DKK 1.299,00 -> 1299.00 DKK
From £10 -> 10.00 GBP
GH₵ 50 -> 50.00 GHS
HK$300 -> 300.00 HKD
R1,200.00 -> 1200.00 ZAR
RM 50 -> 50.00 MYR
Rp1.500.000 -> 1500000.00 IDR
Rs. 500/- -> 500.00 -
S/ 50 -> 50.00 PEN
SEK 1 299:- -> 1299.00 SEK
SFr. 120.00 -> 120.00 CHF
TL 1.250 -> 1250.00 TRY
VB 50 € -> 50.00 EUR
Zu verschenken -> 0.00 -
ask -> none
null -> none
tbc -> none
£ 12 .50 -> 12.50 GBP
£10 - £20 -> 10.00 GBP
£12.50p -> 12.50 GBP
¥ 3,000 -> 3000.00 JPY
٥٠٠ -> 500.00 -
৳500 -> 500.00 BDT
€ 499,- -> 499.00 EUR
€12,50 -> 12.50 EUR
€50,-- -> 50.00 EUR
₸500 -> 500.00 KZT
₹1,00,000 -> 100000.00 INR
￥1,200 -> 1200.00 JPY
1 234,500 TND -> 1234.50 TND
1.234,500 TND -> 1234.50 TND
UK£ 5 -> 5.00 GBP
TRY 50 -> 50.00 TRY
"""
"""Each line: the text, the amount, and its currency; `-` for none, `none` for no price."""

REFUSED = r"""
£5 EUR
$5 EUR
€5 $
£ €5
C$10 USD
5 apples
5 m
5m
12+
10 km
50%
50 % off
12:30
2024-01-31
31/01/2024
01/02
1/2
5½
12€⁵⁰
①②
1.2.3
1.2.3.4
12,34,5
1,2345
1.234.50
1,234.567,89
10,000,00
020 7946 0958
+44 20 7946 0958
555-1234
555 1234
0171-123456
ISBN 978-3-16-148410-0
B07XJ8C8F5
SKU-1234
Size 42
42 EU
XL
3 for £10
3 for 10
£10 (was £20)
£20 £10
was £20 now £10
£20 - £10
10 x £5
2 x 5
£5 / £10
5 €/4 $
£5 + VAT
£5 plus postage
+ £3.50 p&p
free shipping
Free delivery
£5 deposit
up to £50
bis 50 €
max 50
swap
Swap or £50
500-
(5.00)
0x10
1e
e5
10 ks
1.234k €
10-20k €
5 all
5 ft
3 br
5 All
5 top
1٢
1_000
12.50p
50c
10 ct
15.000.00
1 2 3
12 50 €
$1.2.50
10 20 30
five pounds
zehn Euro
call 0171 1234567
call me on 555
1 lb
100 g
10 kg
5 years
3 months
12 V
5GB
4K TV
60W
mp3
123 Main St
https://shop.example/p/1
EUR.50
EUR .50
$ .9
Rs .50
"""

LOCALES = """
en_GB en_US en_IN en_ZA de_DE de_AT de_CH fr_FR fr_CH fr_CA it_IT es_ES es_MX es_AR pt_BR pt_PT nl_NL sv_SE nb_NO da_DK
fi_FI pl_PL cs_CZ hu_HU ro_RO bg_BG el_GR tr_TR ru_RU uk_UA he_IL ar_EG ar_AE fa_IR hi_IN bn_BD th_TH vi_VN id_ID ms_MY
ja_JP ko_KR zh_CN zh_TW
"""

CURRENCIES = """
EUR GBP USD CHF SEK NOK DKK PLN CZK HUF RON TRY RUB UAH ILS EGP AED SAR IRR INR BDT THB VND IDR MYR JPY KRW CNY TWD KWD
TND BRL MXN ARS CLP COP ZAR CAD AUD
"""
