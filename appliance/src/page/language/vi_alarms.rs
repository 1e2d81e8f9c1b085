//! Vietnamese for the kinds of alarm: a kind that has none does not compile.

use crate::{alarm::Kind, page::language::AlarmWords};

/// Declares what is wrong and what to do about it, for each kind.
macro_rules! words {
    ( $( $Kind:ident: $title:literal, $remedy:literal; )+ ) => {
        pub(super) const fn words(kind: Kind) -> AlarmWords {
            match kind {
                $( Kind::$Kind => AlarmWords { title: $title, remedy: $remedy }, )+
            }
        }
    };
}

words! {
    NicDown: "cổng mạng đã mất kết nối",
        "kiểm tra cáp và cổng của switch";
    NicErrors: "nhiều gói tin trong phút qua bị hỏng",
        "kiểm tra cáp, đầu nối và cổng của switch";
    QuerierLost: "không còn ai hỏi thành viên multicast, switch sẽ ngừng chuyển luồng",
        "kiểm tra router hoặc switch làm querier (IGMP, MLD) và đường truyền ở giữa";
    FeedsLost: "phần lớn nguồn trên cổng mạng mất tín hiệu cùng lúc",
        "kiểm tra phần dùng chung: uplink của switch, IGMP snooping, head-end";
    FeedsDamaged: "phần lớn nguồn trên cổng mạng mất gói cùng lúc",
        "kiểm tra phần dùng chung: cáp, cổng và tải của switch, đường truyền ở giữa";
    IngestDown: "không nhận được gói TS nào",
        "kiểm tra bên phát, cáp và cổng của switch";
    ReceiveBufferDrop: "kernel bỏ gói vì bộ đệm nhận đã đầy",
        "tăng `receive.bitrate_max` hoặc `receive.stall`, và xem tải của máy";
    SyncLoss: "mất đồng bộ gói TS",
        "kiểm tra nội dung phát: trên nhóm có dữ liệu không phải TS";
    TablesMissing: "không có PAT hoặc PMT",
        "kiểm tra các bảng của bộ ghép kênh";
    ContinuityBurst: "mất rất nhiều gói TS hoặc gói đến sai thứ tự",
        "kiểm tra mất gói ở cáp, switch và nguồn phát";
    ContinuityError: "mất gói TS hoặc gói đến sai thứ tự",
        "kiểm tra mất gói ở cáp, switch và nguồn phát";
    ClockMissing: "có hình nhưng không có PCR",
        "kiểm tra bộ ghép kênh: PID của PCR trong PMT không có đồng hồ, đầu thu và bộ \
        giải mã phần cứng sẽ dừng";
    BitrateVariance: "tốc độ bit lệch xa mức của năm phút qua",
        "kiểm tra bộ mã hóa và bộ ghép kênh";
    SegmentStale: "segment tiếp theo bị trễ",
        "xem trạng thái của rendition để biết đang thiếu gì";
    SourceDown: "mất một nguồn, rendition bớt đi một nguồn dự phòng",
        "kiểm tra bên phát và đường truyền của nguồn đó trước khi nguồn còn lại cũng \
        mất";
    LadderDrifting: "các rendition không được cắt giống nhau",
        "cho các bộ mã hóa dùng chung một đồng hồ và một khoảng cách khung khóa";
    LadderFinding: "bộ rendition của kênh có lỗi",
        "xem các lỗi được liệt kê của kênh";
    UplinkDown: "không dùng được máy chủ gốc nào",
        "kiểm tra đường đến các máy chủ gốc: router, uplink, tên miền và định tuyến";
    OriginDown: "không URL nào của máy chủ gốc dùng được",
        "kiểm tra máy chủ gốc và mạng đến đó; bộ đếm của từng URL cho biết lỗi gì";
    DiskError: "bộ nhớ đệm chỉ còn trong RAM vì thiết bị lưu trữ liên tục lỗi",
        "kiểm tra hoặc thay thiết bị, rồi khởi động lại weir";
    DiskFull: "hệ thống tệp của bộ nhớ đệm gần như đầy",
        "xóa những thứ khác ở đó, hoặc chuyển bộ nhớ đệm đi nơi khác";
    DiskFilling: "hệ thống tệp của bộ nhớ đệm đang đầy dần",
        "xóa những thứ khác ở đó, hoặc chuyển bộ nhớ đệm đi nơi khác";
    ServerErrors: "nhiều câu trả lời trong phút qua là lỗi 5xx",
        "xem các máy chủ gốc và bộ đếm của từng tuyến, từng kênh";
    AnswersSlow: "một phần hai mươi câu trả lời trong phút qua bị chậm",
        "xem thời gian trả lời của máy chủ gốc, ổ đĩa và bộ xử lý";
    HitRatioCritical: "đa số yêu cầu trong năm phút qua không có sẵn ở đây",
        "xem khách đang yêu cầu gì, `cache.size`, và những gì đã bị xóa";
    HitRatioLow: "nhiều yêu cầu trong năm phút qua không có sẵn ở đây",
        "xem khách đang yêu cầu gì, `cache.size`, và những gì đã bị xóa";
    CertificateExpiry: "một chứng chỉ sắp hết hạn",
        "gia hạn ngay tại nơi nó đang nằm; không cần khởi động lại";
    ClockUnsynchronised: "đồng hồ không được đồng bộ hoặc lệch xa nguồn thời gian",
        "kiểm tra dịch vụ NTP của máy và đường đến máy chủ thời gian: ngày giờ của \
        playlist, URL có chữ ký và chứng chỉ đều theo đồng hồ này";
    ConfigRejected: "cấu hình được đọc lại nhưng không được chấp nhận, weir vẫn chạy như trước",
        "sửa tệp cấu hình (`weir check` chỉ ra mọi lỗi), rồi cho đọc lại";
    AuthenticationFailures: "nhiều lần đăng nhập hoặc token bị từ chối trong năm phút qua",
        "xem ai ở địa chỉ đó: có người dò mật khẩu, hoặc một chương trình dùng token cũ";
    SlotRollback: "phân vùng đã hết lượt thử mà không đạt, nên bị loại",
        "máy đã tự quay về phân vùng kia: tìm xem phiên bản này thiếu gì trên máy này trước khi \
        cài lại. Cảnh báo hết khi cài bản cập nhật tiếp theo";
    SlotUncommitted: "phân vùng đang chạy vẫn chưa đạt, lần khởi động sau có thể dùng phân vùng \
        khác",
        "hỏi `/readyz` để biết còn thiếu gì: phiên bản chỉ đạt khi máy đã sẵn sàng đủ lâu";
    SlotOutdated: "đang chạy phiên bản cũ hơn phiên bản ở phân vùng kia",
        "nếu không ai chủ ý quay về bản cũ thì bản mới đã không khởi động được: kiểm tra ổ đĩa và \
        thông báo của kernel, hoặc cài lại";
    AlarmsOverflow: "có nhiều cảnh báo hơn số được liệt kê",
        "xử lý các cảnh báo đang có, hoặc tạm gác chúng";
}
